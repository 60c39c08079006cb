"""Segments of a video's frames: found by the scores, kept where people judged, redrawn where people draw."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from curation import invariants, reviews, segments
from curation.models import Dataset, Decision, Frame, FrameScore, Job, ModelVersion, Segment, Video
from curation.problems import Problem
from tests.curation.review_rows import ask, calibrate, make_dataset, make_version, make_video, probable, score
from tests.seed import thresholds

pytestmark = pytest.mark.django_db
LOW, HIGH = 20.0, 90.0
SIDES = [LOW] * 6 + [HIGH] * 4 + [LOW] * 5 + [HIGH] * 5  # two breaks


def scored_video(losses: list[float] = SIDES, *, quantiles: list[float] | None = None) -> Video:
    """A ready video whose n-th frame has the n-th loss, under an active version with threshold 50."""
    dataset = make_dataset(ana="curator")
    video = make_video(dataset, len(losses))
    version = make_version(dataset)
    if quantiles is not None:
        version.thresholds = thresholds(50.0, quantiles)
        version.save()
    score(version, {frame.pk: loss for frame, loss in zip(numbered(video), losses, strict=True)})
    return video


def numbered(video: Video) -> list[Frame]:
    return list(video.frames.order_by("number"))


def borders(video: Video) -> list[tuple[int, int]]:
    return [(row.first, row.last) for row in video.segments.order_by("first")]


def judged(video: Video, first: int, last: int, verdict: str = "out") -> Segment:
    """What a decision on these frames does."""
    row = segments.cover(video=video, first=first, last=last)
    assert row is not None
    frames = [frame for frame in numbered(video) if first <= frame.number <= last]
    ana = User.objects.get(username="ana")
    reviews.record(dataset=video.dataset, user=ana, requests=[ask(f, verdict, seen=f.review_version) for f in frames])
    Segment.objects.filter(pk=row.pk).update(verdict=verdict, judged_by=ana, judged_at=timezone.now())
    row.refresh_from_db()
    return row


def test_it_finds_the_runs_on_each_side_of_the_threshold() -> None:
    video = scored_video()
    assert segments.rebuild(video=video) == 4
    second = video.segments.get(first=6)
    assert borders(video) == [(0, 5), (6, 9), (10, 14), (15, 19)]
    assert [row.is_outlier for row in video.segments.all()] == [False, True, False, True]
    assert (second.start_s, second.end_s, second.mean, second.worst, second.worst_number) == (6.0, 10.0, 90.0, 90.0, 6)
    assert (second.open_frames, second.score, second.threshold) == (4, "reconstruction_loss", 50.0)
    assert second.model_version == video.dataset.active_version


def test_it_smooths_single_frames_away_where_held_out_scores_tell_how_far_is_far() -> None:
    losses = [LOW] * 8 + [52.0] + [LOW] * 8 + [400.0] * 6
    video = scored_video(losses, quantiles=[float(n) for n in range(10, 51)])
    segments.rebuild(video=video)
    assert borders(video) == [(0, 16), (17, 22)]
    assert 0.5 < video.segments.get(first=17).certainty <= 1


def test_it_cuts_at_shots() -> None:
    video = scored_video([LOW] * 10)
    video.frames.filter(number__in=[0, 4]).update(shot_start=True)
    segments.rebuild(video=video)
    assert borders(video) == [(0, 3), (4, 9)]


def test_it_goes_by_the_score_that_flags() -> None:
    video = scored_video()
    version = video.dataset.active_version
    assert version is not None
    version.thresholds["ood_score"] = {"value": 0.5, "quantiles": []}
    version.save()
    FrameScore.objects.update(ood_score=0.0)
    FrameScore.objects.filter(frame__number=3).update(ood_score=1.0)
    Dataset.objects.update(flag_by="ood_score")
    segments.rebuild(video=video)
    assert borders(video) == [(0, 2), (3, 3), (4, 19)]
    assert {row.score for row in video.segments.all()} == {"ood_score"}


def test_it_fills_a_missing_probability_in_from_its_neighbours() -> None:
    video = scored_video()
    version = video.dataset.active_version
    assert version is not None
    version.thresholds["probability"] = {"value": 0.5, "quantiles": []}
    version.save()
    probable(calibrate(version), dict.fromkeys(video.frames.filter(number__lt=10).values_list("pk", flat=True), 0.9))
    Dataset.objects.update(flag_by="probability")
    segments.rebuild(video=video)
    assert borders(video) == [(0, 19)]
    assert video.segments.get().is_outlier


def test_it_leaves_a_video_alone_whose_scores_are_not_complete() -> None:
    video = scored_video()
    FrameScore.objects.filter(frame__number=7).delete()
    assert segments.rebuild(video=video) == 0
    assert not video.segments.exists()


def test_it_leaves_a_data_set_without_a_model_alone() -> None:
    video = make_video(make_dataset(), 5)
    assert segments.rebuild(video=video) == 0
    assert segments.request(dataset=video.dataset) is None
    assert segments.cover(video=video, first=1, last=2) is None


def test_it_keeps_rows_whose_frames_stay_the_same() -> None:
    video = scored_video()
    segments.rebuild(video=video)
    before = {row.first: (row.pk, row.draw) for row in video.segments.all()}
    FrameScore.objects.filter(frame__number__in=[15, 16]).update(reconstruction_loss=10.0)
    segments.rebuild(video=video)
    after = {row.first: (row.pk, row.draw) for row in video.segments.all()}
    assert borders(video) == [(0, 5), (6, 9), (10, 16), (17, 19)]
    assert [after[first] == before[first] for first in (0, 6)] == [True, True]


def test_it_keeps_what_a_person_judged_and_cuts_the_rest_round_it() -> None:
    video = scored_video()
    segments.rebuild(video=video)
    row = judged(video, 4, 7)
    ModelVersion.objects.update(thresholds=thresholds(95.0, []))
    segments.rebuild(video=video)
    assert borders(video) == [(0, 3), (4, 7), (8, 19)]
    kept = video.segments.get(first=4)
    assert (kept.pk, kept.verdict, kept.open_frames, kept.threshold) == (row.pk, "out", 0, 95.0)


def test_it_never_touches_reviews_and_decisions() -> None:
    video = scored_video()
    segments.rebuild(video=video)
    row = video.segments.get(first=6)
    decision = Decision.objects.create(dataset=video.dataset, kind="segment", segment=row, video=video, first=6, last=9)
    FrameScore.objects.update(reconstruction_loss=LOW)
    segments.rebuild(video=video)
    decision.refresh_from_db()
    assert decision.segment is None
    assert (decision.first, decision.last) == (6, 9)


def test_it_counts_open_frames_as_verdicts_come_and_go() -> None:
    video = scored_video()
    segments.rebuild(video=video)
    ana, frames = User.objects.get(username="ana"), numbered(video)
    asked = [ask(frames[7]), ask(frames[8]), ask(frames[0], "in")]
    reviews.record(dataset=video.dataset, user=ana, requests=asked)
    assert [row.open_frames for row in video.segments.all()] == [5, 2, 5, 5]
    undo = ask(frames[7], "", seen=1, undoes=asked[0].client_uuid)
    reviews.record(dataset=video.dataset, user=ana, requests=[undo])
    assert [row.open_frames for row in video.segments.all()] == [5, 3, 5, 5]


def test_it_counts_in_few_queries_however_many_videos(django_assert_max_num_queries: Any) -> None:
    video = scored_video()
    pairs = [(video.pk, 3)]
    for name in ("b.mp4", "c.mp4", "d.mp4"):
        other = make_video(video.dataset, 20, name=name)
        score(video.dataset.active_version, {f.pk: LOW for f in numbered(other)})  # type: ignore[arg-type]
        segments.rebuild(video=other)
        pairs.append((other.pk, 5))
    segments.rebuild(video=video)
    Frame.objects.filter(number=5).update(verdict="in")
    with django_assert_max_num_queries(3):
        segments.recount(frames=pairs)
    assert sorted(Segment.objects.values_list("open_frames", flat=True)) == [4, 5, 5, 5, 19, 19, 19]


def test_it_takes_the_word_on_a_segment_back_when_a_frame_of_it_says_otherwise() -> None:
    video = scored_video()
    segments.rebuild(video=video)
    row = judged(video, 6, 9)
    frame = numbered(video)[8]
    ana = User.objects.get(username="ana")
    reviews.record(dataset=video.dataset, user=ana, requests=[ask(frame, "out", seen=frame.review_version)])
    row.refresh_from_db()
    assert row.verdict == "out"
    reviews.record(dataset=video.dataset, user=ana, requests=[ask(frame, "in", seen=frame.review_version + 1)])
    row.refresh_from_db()
    assert (row.verdict, row.judged_by, row.judged_at, row.open_frames) == ("", None, None, 0)


def test_it_makes_one_segment_of_exactly_these_frames() -> None:
    video = scored_video()
    segments.rebuild(video=video)
    FrameScore.objects.filter(frame__number=12).update(reconstruction_loss=95.0)
    row = segments.cover(video=video, first=8, last=12)
    assert borders(video) == [(0, 5), (6, 7), (8, 12), (13, 14), (15, 19)]
    assert row is not None
    assert (row.mean, row.worst, row.worst_number, row.start_s, row.end_s) == (
        (2 * HIGH + 2 * LOW + 95) / 5, 95.0, 12, 8.0, 13.0,
    )  # fmt: skip
    assert row.is_outlier
    assert video.segments.get(first=13).worst == LOW
    assert sum(each.open_frames for each in video.segments.all()) == 20


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (6, 9, [(0, 5), (6, 9), (10, 14), (15, 19)]),
        (7, 8, [(0, 5), (6, 6), (7, 8), (9, 9), (10, 14), (15, 19)]),
        (0, 19, [(0, 19)]),
        (6, 14, [(0, 5), (6, 14), (15, 19)]),
        (2, 17, [(0, 1), (2, 17), (18, 19)]),
        (10, 17, [(0, 5), (6, 9), (10, 17), (18, 19)]),
    ],
)
def test_it_leaves_the_rest_as_segments_of_their_own(first: int, last: int, expected: list[tuple[int, int]]) -> None:
    video = scored_video()
    segments.rebuild(video=video)
    row = segments.cover(video=video, first=first, last=last)
    assert borders(video) == expected
    assert row is not None and (row.first, row.last) == (first, last)


def test_it_keeps_the_word_on_what_is_left_of_a_judged_segment() -> None:
    video = scored_video()
    segments.rebuild(video=video)
    judged(video, 0, 9)
    row = segments.cover(video=video, first=4, last=12)
    assert borders(video) == [(0, 3), (4, 12), (13, 14), (15, 19)]
    assert row is not None
    assert (video.segments.get(first=0).verdict, row.verdict, row.open_frames) == ("out", "", 3)


def test_it_refuses_frames_that_the_video_does_not_have() -> None:
    video = scored_video()
    segments.rebuild(video=video)
    for first, last in ((5, 20), (9, 8), (25, 30)):
        with pytest.raises(Problem, match="doesn't have these frames"):
            segments.cover(video=video, first=first, last=last)


def test_it_moves_an_edge_to_the_neighbours() -> None:
    video = scored_video()
    segments.rebuild(video=video)
    row = video.segments.get(first=6)
    segments.move_edge(segment=row, edge="start", number=4)
    segments.move_edge(segment=row, edge="end", number=11)
    assert borders(video) == [(0, 3), (4, 11), (12, 14), (15, 19)]
    segments.move_edge(segment=row, edge="start", number=7)
    segments.move_edge(segment=row, edge="end", number=8)
    assert borders(video) == [(0, 6), (7, 8), (9, 14), (15, 19)]
    segments.move_edge(segment=row, edge="end", number=16)
    assert borders(video) == [(0, 6), (7, 16), (17, 19)]
    assert video.segments.get(first=7).pk == row.pk


def test_it_gives_frames_that_a_segment_loses_beside_a_judged_one_a_segment() -> None:
    video = scored_video()
    segments.rebuild(video=video)
    judged(video, 0, 5)
    segments.move_edge(segment=video.segments.get(first=6), edge="start", number=8)
    assert borders(video) == [(0, 5), (6, 7), (8, 9), (10, 14), (15, 19)]
    assert video.segments.get(first=0).verdict == "out"


def test_it_refuses_to_swallow_a_judged_segment() -> None:
    video = scored_video()
    segments.rebuild(video=video)
    judged(video, 10, 14)
    with pytest.raises(Problem, match="somebody decided on"):
        segments.move_edge(segment=video.segments.get(first=6), edge="end", number=15)
    with pytest.raises(Problem, match="at least one frame"):
        segments.move_edge(segment=video.segments.get(first=6), edge="end", number=5)
    with pytest.raises(Problem, match="doesn't have these frames"):
        segments.move_edge(segment=video.segments.get(first=15), edge="end", number=20)
    assert borders(video) == [(0, 5), (6, 9), (10, 14), (15, 19)]


def test_it_says_how_far_the_segments_are() -> None:
    video = scored_video()
    dataset = Dataset.objects.get()
    assert not segments.status(dataset).is_current
    segments.rebuild(video=video)
    judged(video, 0, 5)
    found = segments.status(dataset)
    assert (found.is_current, found.progress, found.open_outliers, found.open_all, found.settled) == (
        True,
        1.0,
        2,
        3,
        1,
    )
    ModelVersion.objects.update(thresholds=thresholds(95.0, []))
    stale = segments.status(Dataset.objects.get())
    assert (stale.is_current, stale.progress) == (False, 0.0)


def test_it_asks_for_a_data_sets_segments_once() -> None:
    video = scored_video()
    job = segments.request(dataset=video.dataset, by="ana")
    assert job is not None and job == segments.request(dataset=video.dataset)
    assert (job.kind, job.requested_by) == (Job.Kind.SEGMENT, "ana")
    assert segments.status(video.dataset).is_moving


def test_it_lets_shots_go_together_where_the_score_is_sure() -> None:
    video = scored_video([LOW] * 20 + [400.0] * 20, quantiles=[float(n) for n in range(10, 51)])
    video.frames.filter(number__in=[0, 5, 10, 20, 24, 30]).update(shot_start=True)
    segments.rebuild(video=video)
    assert borders(video) == [(0, 19), (20, 39)]


def complaints(*checks: Callable[[], Iterator[str]]) -> list[str]:
    return [sentence for check in checks for sentence in check()]


def test_it_notices_segments_that_do_not_hold_every_frame_once() -> None:
    video = scored_video()
    segments.rebuild(video=video)
    check = invariants.segments_hold_every_frame_once
    assert complaints(check) == []
    Segment.objects.filter(first=10).update(last=13)
    assert complaints(check) == [
        f"Video {video.pk}: a segment begins at frame 15, and the one before it ends before frame 14."
    ]
    Segment.objects.filter(first=10).update(last=14)
    Segment.objects.filter(first=15).update(last=18)
    assert complaints(check) == [f"Video {video.pk} has 20 frames, its segments hold 19."]
    Segment.objects.all().delete()
    assert complaints(check) == [f"Video {video.pk} has 20 frames, its segments hold 0."]


def test_it_notices_counts_and_copies_that_do_not_agree() -> None:
    video = scored_video()
    segments.rebuild(video=video)
    assert complaints(invariants.open_frames_agree, invariants.copies_agree) == []
    row = video.segments.get(first=6)
    Segment.objects.filter(pk=row.pk).update(open_frames=1)
    frame = numbered(video)[3]
    Frame.objects.filter(pk=frame.pk).update(copy_of=2)
    assert complaints(invariants.open_frames_agree, invariants.copies_agree) == [
        f"Segment {row.pk} of video {video.pk} says 1 unreviewed frames, there are 4.",
        f"Frame {frame.pk}: its score by version {video.dataset.active_version_id} is wrong about near copies.",
    ]
