"""A run that learns from both verdicts: what it takes, what it holds out, and when it can be asked for."""

from __future__ import annotations

import json
from collections import Counter
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from curation import training
from curation.models import Dataset, Frame, ModelVersion, TrainingRun, Video
from curation.problems import Problem
from curation.training_split import FEWEST_OUT_LEARNED, Videos, choose_heldout
from scoring.splits import split_by_video
from tests import seed
from tests.conftest import signed_in

REASONS = ("ad", "football")
store_and_db = [pytest.mark.django_db, pytest.mark.usefixtures("store")]


def videos(inside: dict[int, int], out: dict[int, dict[str, int]] | None = None) -> Videos:
    made = Videos()
    for video, frames in inside.items():
        made.add(video, frames, (), is_whole=True)
    for video, reasons in (out or {}).items():
        made.add(video, 0, Counter(reasons).elements())
    return made


def held(made: Videos, draw: int = 0, seen: frozenset[int] = frozenset()) -> set[int]:
    return choose_heldout(made, fraction=0.2, seed=draw, seen=set(seen))


sizes = st.dictionaries(st.integers(1, 30), st.integers(1, 200), max_size=8)


@given(inside=sizes, draw=st.integers(0, 99))
def test_it_splits_as_ever_when_no_frame_is_out(inside: dict[int, int], draw: int) -> None:
    assert held(videos(inside), draw) == split_by_video(inside, 0.2, draw)


@given(
    inside=sizes,
    out=st.dictionaries(
        st.integers(1, 30), st.dictionaries(st.sampled_from(REASONS), st.integers(1, 60), min_size=1), max_size=8
    ),
    seen=st.frozensets(st.integers(1, 30)),
    draw=st.integers(0, 99),
)
def test_it_keeps_most_of_every_reason_to_learn_from(
    inside: dict[int, int], out: dict[int, dict[str, int]], seen: frozenset[int], draw: int
) -> None:
    made = videos(inside, out)
    aside = held(made, draw, seen)
    total, back = Counter[str](), Counter[str]()
    for video, reasons in out.items():
        total.update(reasons)
        back.update(reasons if video in aside else {})
    assert aside <= set(inside) | set(out)
    assert not inside or set(inside) - aside, "a video in distribution is left to train on"
    if back:
        assert total.total() - back.total() >= FEWEST_OUT_LEARNED
        assert 3 * back.total() <= total.total() and all(2 * count <= total[name] for name, count in back.items())
    if set(inside) - seen - set(out) and len(inside) > 1:
        assert aside & set(inside) and not aside & seen, "there was one that nobody has learned from"


def test_it_never_measures_by_a_video_that_the_version_learned_from() -> None:
    inside = dict.fromkeys(range(1, 7), 20)
    for draw in range(20):
        assert held(videos(inside), draw, frozenset({1, 2, 3, 4})) <= {5, 6}


def test_it_measures_by_whole_videos_while_there_are_two() -> None:
    made = videos(dict.fromkeys(range(1, 5), 20), {7: {"ad": 30}, 8: {"ad": 6}})
    for video in (5, 6, 7, 8):
        made.add(video, 6, ())
    for draw in range(20):
        assert held(made, draw) & set(made.inside) - {8} <= {1, 2, 3, 4}
    alone = videos({1: 40})
    alone.add(2, 6, ())
    assert held(alone) == {2}, "the only whole video is needed to train on"


# ---- the set of a data set


def reference(dataset: Dataset, name: str, frames: int = 20) -> Video:
    video = seed.video_with_frames(dataset, frames=frames, name=name)
    Video.objects.filter(pk=video.pk).update(is_reference=True)
    return video


def judge(video: Video, verdict: str, numbers: range, reason: str = "") -> None:
    Frame.objects.filter(video=video, number__in=numbers).update(verdict=verdict, reason=reason)


@pytest.fixture
def judged(dataset: Dataset) -> tuple[Dataset, Video, ModelVersion]:
    """Three reference videos, a recording with 12 ads, 4 football frames and 10 IN, and a version."""
    for name in "abc":
        reference(dataset, f"{name}.mp4")
    recording = seed.video_with_frames(dataset, frames=30, name="recording.mp4")
    judge(recording, "out", range(12), "advertisement")
    judge(recording, "out", range(12, 15), "American football")
    judge(recording, "out", range(15, 16))
    judge(recording, "in", range(20, 30))
    return dataset, recording, seed.version_with_scores(dataset)


class TestSet:
    pytestmark = store_and_db

    def test_it_takes_the_out_frames_with_their_reasons(self, judged: tuple[Dataset, Video, ModelVersion]) -> None:
        dataset, recording, version = judged
        frozen = training.freeze(dataset, start_from=version, learns_out=True)
        (out,) = [entry for entry in frozen.entries if entry.get("out")]
        assert (out["video"], out["rows"], out["heldout"]) == (recording.pk, list(range(16)), False)
        assert out["reasons"] == ["advertisement"] * 12 + ["American football"] * 3 + [""]
        inside = [row for entry in frozen.entries if not entry.get("out") for row in entry["rows"]]
        assert len(inside) == 70 and recording.pk not in frozen.heldout_videos

    def test_it_only_measures_by_them_otherwise(self, judged: tuple[Dataset, Video, ModelVersion]) -> None:
        frozen = training.freeze(judged[0])
        assert [entry["heldout"] for entry in frozen.entries if entry.get("out")] == [True]
        assert not frozen.reasons and frozen.measured_reasons.total() == 16

    def test_it_says_what_it_would_learn_from(self, judged: tuple[Dataset, Video, ModelVersion]) -> None:
        dataset, _, version = judged
        both = training.preview(dataset, start_from=version, retrain=True)
        assert both.sentence == (
            "learns from 50 in-distribution frames of 3 videos and from 16 OUT frames "
            "(advertisement 12, American football 3, no reason given 1)"
        )
        fresh = training.preview(dataset)
        assert fresh.sentence == "learns from 50 in-distribution frames of 3 videos"
        assert fresh.heldout_sentence.endswith("16 judged OUT are left out.")

    def test_it_holds_out_what_the_version_has_not_seen(self, judged: tuple[Dataset, Video, ModelVersion]) -> None:
        dataset, _, version = judged
        (usual,) = training.freeze(dataset, start_from=version, learns_out=True).heldout_videos
        others = set(dataset.videos.filter(is_reference=True).values_list("pk", flat=True)) - {usual}
        unseen = others.pop()
        version.metrics = {"trained_videos": [usual, *others]}
        assert training.freeze(dataset, start_from=version, learns_out=True).heldout_videos == {unseen}
        version.metrics = {"trained_videos": list(dataset.videos.values_list("pk", flat=True))}
        assert "flatter" in training.preview(dataset, start_from=version, retrain=True).warning

    def test_it_leaves_out_picked_frames_of_a_video_that_is_held_out_for_its_outliers(
        self, judged: tuple[Dataset, Video, ModelVersion]
    ) -> None:
        dataset, _, version = judged
        other = seed.video_with_frames(dataset, frames=8, name="other.mp4")
        judge(other, "out", range(4), "advertisement")
        judge(other, "in", range(4, 8))
        drawn = [training.freeze(dataset, start_from=version, learns_out=True, seed=draw) for draw in range(9)]
        kept_back = [set(frozen.measured_reasons) for frozen in drawn]
        assert {"advertisement"} in kept_back
        for frozen in drawn:
            entries = [entry for entry in frozen.entries if entry["video"] == other.pk]
            assert len({entry["heldout"] for entry in entries}) == 1
            assert frozen.measured_reasons.total() == (4 if entries[0]["heldout"] else 0)
            assert all(entry["whole"] for entry in frozen.entries if entry["heldout"] and not entry.get("out"))

    def test_it_asks_for_a_run_on_both_verdicts(self, judged: tuple[Dataset, Video, ModelVersion], owner: User) -> None:
        dataset, _, version = judged
        run = training.request_run(dataset=dataset, by=owner, retrain=True)
        assert (run.start_from, run.out_frames, run.out_videos) == (version, 16, 1)
        entries = training.read_set(run)
        assert sum(len(entry["rows"]) for entry in entries if entry.get("out")) == 16

    def test_it_says_what_both_verdicts_need(self, judged: tuple[Dataset, Video, ModelVersion], owner: User) -> None:
        dataset, recording, _ = judged
        judge(recording, "", range(24, 30))
        with pytest.raises(Problem, match="at least 5 IN and 5 OUT; so far there are 4 IN and 16 OUT"):
            training.request_run(dataset=dataset, by=owner, retrain=True)
        ModelVersion.objects.all().delete()
        dataset.active_version = None
        with pytest.raises(Problem, match="train one first"):
            training.request_run(dataset=dataset, by=owner, retrain=True)

    def test_it_offers_both_verdicts_first_once_there_are_enough(
        self, judged: tuple[Dataset, Video, ModelVersion], owner: User
    ) -> None:
        dataset, recording, _ = judged
        client = signed_in(owner)

        def page() -> str:
            return " ".join(client.get(f"/d/{dataset.slug}/models/").content.decode().split())

        assert 'name="start" value="retrain" checked' in page()
        assert "and from 16 OUT frames (advertisement 12" in page()
        judge(recording, "", range(20, 30))
        assert 'name="start" value="retrain" disabled' in page() and 'value="fresh" checked' in page()
        assert "so far there are 0 IN and 16 OUT" in page()

    def test_it_carries_out_what_the_page_offers(
        self, judged: tuple[Dataset, Video, ModelVersion], owner: User
    ) -> None:
        dataset, _, version = judged
        client, path = signed_in(owner), f"/d/{dataset.slug}/models/train/"
        form = {"preset": "small", "start_from": str(version.pk), "loss": "relative"}
        for start, base, out in (("retrain", version, 16), ("continue", version, 0), ("fresh", None, 0)):
            client.post(path, {**form, "start": start})
            run = TrainingRun.objects.latest("id")
            assert (run.start_from, run.out_frames, run.config["loss"]) == (base, out, "relative")
            TrainingRun.objects.update(state=TrainingRun.State.CANCELLED)
        other = seed.version_with_scores(dataset, number=2, active=False)
        answer = client.get(
            f"/d/{dataset.slug}/models/train/", {"start_from": other.pk}, headers={"HX-Request": "true"}
        )
        panel = answer.content.decode()
        assert "Go on from version 2, with both verdicts" in panel and '<details class="advanced" open>' in panel

    def test_it_offers_a_large_model_for_large_frames_only(self, dataset: Dataset, owner: User) -> None:
        reference(dataset, "a.mp4")
        client, path = signed_in(owner), f"/d/{dataset.slug}/models/"
        page = client.get(path).content.decode()
        assert 'value="large" disabled' in page and "pixels or more; here they are 60" in page
        answer = client.post(f"{path}train/", {"preset": "large"})
        assert answer.status_code == 400 and not TrainingRun.objects.exists()
        Dataset.objects.update(input_height=120, input_width=160)
        assert 'value="large" disabled' not in client.get(path).content.decode()
        client.post(f"{path}train/", {"preset": "large"})
        assert TrainingRun.objects.get().config["preset"] == "large"

    def test_it_does_the_same_by_command(self, judged: tuple[Dataset, Video, ModelVersion]) -> None:
        dataset, _, version = judged
        out = StringIO()
        call_command("train", dataset.slug, "--retrain", "--start-from", "1", "--loss", "relative", stdout=out)
        run = TrainingRun.objects.get()
        assert (run.start_from, run.out_frames, run.config["loss"]) == (version, 16, "relative")
        assert "16 OUT frames" in out.getvalue()
        TrainingRun.objects.update(state=TrainingRun.State.CANCELLED)
        with pytest.raises(CommandError, match="loss must be one of"):
            call_command("train", dataset.slug, "--loss", "cubic")

    def test_it_does_the_same_by_the_api(
        self, judged: tuple[Dataset, Video, ModelVersion], owner: User, curator: User
    ) -> None:
        dataset, _, _ = judged
        path = f"/api/v1/datasets/{dataset.slug}/runs"
        asked = {"retrain": True, "start_from": 1, "loss": "relative"}

        def post(user: User, **values: object) -> tuple[int, dict[str, object]]:
            answer = signed_in(user).post(path, json.dumps({**asked, **values}), "application/json")
            return answer.status_code, answer.json()

        assert post(curator)[0] == 403 and post(owner, start_from=9)[0] == 404
        code, told = post(owner)
        assert (code, told["state"], told["start_from"], told["out_frames"]) == (202, "queued", 1, 16)
        code, told = post(owner)
        assert code == 409 and "under way" in str(told["error"])
        assert post(owner, loss="cubic")[0] == 422
        (listed,) = signed_in(curator).get(path).json()
        assert (listed["config"]["loss"], listed["requested_by"]) == ("relative", owner.username)
