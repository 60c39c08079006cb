"""The calibration as people click: what a worker left, what was said since, and the page that shows both."""

from __future__ import annotations

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from curation import refits, storage
from curation.models import (
    AuditSample,
    Calibration,
    Dataset,
    Frame,
    FrameProbability,
    Job,
    ModelVersion,
    Role,
    TrainingRun,
    Video,
)
from curation.refits import LiveFit
from curation.reviews import record
from scoring.recalibrate import Refusal
from tests import seed
from tests.conftest import member, signed_in
from tests.curation.review_rows import ask
from tests.scoring.frames_for_tests import turf_frames
from tests.worker.test_calibrate import MADE, blue_frames, calibrated, judge, scored, version_of, video_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]
Cup = tuple[ModelVersion, Video, Video]


@pytest.fixture
def cup(dataset: Dataset) -> Cup:
    """A version that learned from 20 IN and 8 OUT of 40 frames each, with ten frames of a third video held out."""
    assert MADE.height == 24
    turf = video_of(dataset, turf_frames(40, seed=3), "turf.mp4")
    blue = video_of(dataset, blue_frames(40), "blue.mp4")
    version = version_of(dataset)
    held = video_of(dataset, turf_frames(40, seed=8), "held.mp4")
    scored(version)
    run = TrainingRun.objects.create(dataset=dataset, config={}, version=version, state="done")
    key = held.packs.get(chunk=0).inputs_key
    seed.freeze(run, [{"key": key, "video": held.pk, "rows": list(range(10)), "heldout": True}])
    judge(turf, "in", 20)
    judge(blue, "out", 8)
    calibrated(version)
    version.refresh_from_db()
    return version, turf, blue


def say(frame: Frame, verdict: str, owner: User, **more: object) -> None:
    frame.refresh_from_db()
    dataset = frame.video.dataset
    record(dataset=dataset, user=owner, requests=[ask(frame, verdict, seen=frame.review_version, **more)])


def live(version: ModelVersion) -> LiveFit:
    found = refits.live(Dataset.objects.select_related("active_version").get(pk=version.dataset_id))
    assert isinstance(found, LiveFit)
    return found


def test_it_says_what_the_fit_said_until_somebody_judges(cup: Cup) -> None:
    version, _, _ = cup
    found = live(version)
    assert (found.in_reviews, found.out_reviews, found.new, found.waiting) == (20, 8, 0, 0)
    stored = np.array(FrameProbability.objects.of_version(version).values_list("value", flat=True))
    assert (sum(found.counts), found.frames, found.sample, found.bar_error) == (120, 120, 120, 0)
    assert np.abs(np.array(found.counts) - np.histogram(stored, 40, (0, 1))[0]).sum() <= 8  # frames near an edge
    threshold = found.threshold
    assert threshold is not None and (threshold.n_frames, threshold.n_videos) == (10, 1)
    assert threshold.value == pytest.approx(version.thresholds["probability"]["value"], abs=0.02)
    assert found.above is not None and found.above.error == 0


def test_it_learns_with_each_click_from_the_features_of_that_frame(cup: Cup, owner: User) -> None:
    version, turf, blue = cup
    before = live(version)
    for number in range(8, 14):
        say(blue.frames.get(number=number), "out", owner)
    after = live(version)
    assert (after.out_reviews, after.new, after.waiting) == (14, 6, 0)
    assert sum(after.out_counts) == 14 and before.counts != after.counts
    say(turf.frames.get(number=30), "unsure", owner)
    assert (live(version).reviews, live(version).new) == (34, 7)


def test_it_takes_an_undone_verdict_out_again(cup: Cup, owner: User) -> None:
    version, _, blue = cup
    frame = blue.frames.get(number=20)
    request = ask(frame, "in")
    record(dataset=version.dataset, user=owner, requests=[request])
    assert live(version).in_reviews == 21
    say(frame, "", owner, undoes=request.client_uuid)
    assert live(version).in_reviews == 20
    say(blue.frames.get(number=2), "in", owner)  # one of those that the worker learned from as OUT
    assert (live(version).in_reviews, live(version).out_reviews) == (21, 7)


def test_it_never_learns_from_held_out_frames_that_belong(cup: Cup, owner: User) -> None:
    version, _, _ = cup
    held = Frame.objects.filter(video__name="held.mp4").order_by("number")
    say(held[3], "in", owner)
    say(held[20], "in", owner)
    assert live(version).in_reviews == 21
    say(held[4], "out", owner)
    assert live(version).out_reviews == 9


def test_it_says_how_many_it_could_not_read_and_how_sure_a_sample_is(
    cup: Cup, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    version, _, blue = cup
    monkeypatch.setattr(refits, "MOST_READ", 2)
    for number in range(8, 13):
        say(blue.frames.get(number=number), "out", owner)
    assert [live(version).waiting for _ in range(3)] == [3, 1, 0]
    pack = blue.packs.get(chunk=1)
    storage.delete([pack.features_key(version)])
    say(blue.frames.get(number=39), "out", owner)
    assert (live(version).waiting, live(version).out_reviews) == (0, 13)


def test_it_estimates_from_a_sample_with_its_error(cup: Cup, monkeypatch: pytest.MonkeyPatch) -> None:
    version, _, _ = cup
    monkeypatch.setattr("scoring.worker.probabilities.SAMPLE", 30)
    calibrated(version)
    found = live(version)
    assert (found.sample, found.frames) == (30, 120) and sum(found.counts) == pytest.approx(120, abs=4)
    assert 5 < found.bar_error < 25 and found.above is not None and 0 < found.above.error < 25


def test_it_keeps_one_digest_and_says_so_when_it_is_gone(cup: Cup) -> None:
    version, _, _ = cup
    calibrated(version)
    keys = storage.keys_under(f"calibrations/{version.uuid}/")
    assert keys == [Calibration.objects.filter(model_version=version).latest("created_at").digest_key]
    storage.delete(keys)
    refits._loaded.cache_clear()
    found = refits.live(Dataset.objects.select_related("active_version").get(pk=version.dataset_id))
    assert isinstance(found, Refusal) and found.reason == refits.GONE


def test_it_shows_the_fit_and_lets_admins_flag_by_it(cup: Cup, owner: User) -> None:
    version, _, blue = cup
    url = reverse("live-fit", args=[version.dataset.slug])
    say(blue.frames.get(number=8), "out", owner)
    page = signed_in(owner).get(url).content.decode()
    assert "20 IN and 9 OUT" in page and "1 of them is newer" in page and "Flag by this threshold" in page
    assert "Suggested threshold" in page and "<rect" in page
    curator = signed_in(member(version.dataset, "cara", Role.CURATOR))
    assert "Flag by this threshold" not in curator.get(url).content.decode()
    signed_in(owner).post(url)
    version.dataset.refresh_from_db()
    assert version.dataset.flag_by == "probability"
    assert Job.objects.open().filter(kind=Job.Kind.CALIBRATE).count() == 1
    assert "every 3s" in signed_in(owner).get(url).content.decode() and "every 3s" not in page


def test_it_says_what_is_missing_before_the_first_fit(dataset: Dataset, owner: User) -> None:
    seed.version_with_scores(dataset)
    url = reverse("live-fit", args=[dataset.slug])
    page = signed_in(owner).get(url).content.decode()
    assert "No suggested threshold yet" in page and "so far there are 0 IN and 0 OUT" in page
    assert Client().get(url).status_code == 302


def test_it_learns_nothing_from_a_video_that_an_audit_keeps(cup: Cup, owner: User) -> None:
    version, turf, blue = cup
    audit = AuditSample.objects.create(
        dataset=version.dataset, model_version=version, seed=1, score="ood_score", cuts=[], population={}, last_frame=0
    )
    audit.videos.add(blue)
    say(blue.frames.get(number=9), "out", owner)
    say(turf.frames.get(number=30), "in", owner)
    assert (live(version).in_reviews, live(version).out_reviews, live(version).waiting) == (21, 8, 0)
    calibrated(version)
    newest = version.calibrations.order_by("-created_at")[0]
    assert (newest.in_reviews, newest.out_reviews) == (21, 0)
    assert newest.note.endswith("Verdicts on the videos that an audit keeps don't count.")
