"""What must always hold between the tables, the object store and the log; a check yields a sentence per breach."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from itertools import islice

from django.conf import settings
from django.db.models import Count, F, Max, Q, Window
from django.db.models.functions import Coalesce, Lag, Now

from curation import segments, storage, tally_changes
from curation.models import (
    Dataset,
    Frame,
    FrameProbability,
    FrameScore,
    Job,
    ModelVersion,
    Pack,
    Segment,
    Verdict,
    Video,
)

SHOWN = 20


def broken() -> Iterator[str]:
    """A sentence for each thing that does not agree, at most 20 per check."""
    for check in CHECKS:
        yield from islice(check(), SHOWN)


def frames_without_holes() -> Iterator[str]:
    """Frames of a video are 0..n-1: the count, the largest number and the video's own count agree."""
    counted = Video.objects.filter(extracted_at__isnull=False).annotate(n=Count("frames"), last=Max("frames__number"))
    for pk, said, found in counted.exclude(n=F("frame_count")).values_list("pk", "frame_count", "n"):
        yield f"Video {pk} says {said} frames, the table has {found}."
    for pk, found, last in counted.filter(n__gt=0).exclude(last=F("n") - 1).values_list("pk", "n", "last"):
        yield f"Video {pk} has {found} frames but the last is number {last}."


def packs_are_whole() -> Iterator[str]:
    """A complete pack has all its rows."""
    counted = Pack.objects.filter(is_complete=True).annotate(n=Count("frames")).exclude(n=F("frame_count"))
    for video, chunk, said, found in counted.values_list("video_id", "chunk", "frame_count", "n"):
        yield f"Pack {chunk} of video {video} says {said} frames, the table has {found}."
    for pack in Pack.objects.filter(is_complete=False, video__extracted_at__isnull=False):
        yield f"Pack {pack.chunk} of video {pack.video_id} was never completed."


def objects_are_there() -> Iterator[str]:
    """Every row that names an object has it, with the size that the row says."""
    for pack in Pack.objects.filter(is_complete=True).select_related("video").iterator():
        for key, size in ((pack.thumbs_key, pack.thumbs_bytes), (pack.inputs_key, pack.inputs_bytes)):
            if storage.size_of(key) != size:
                yield f"Pack {pack.chunk} of video {pack.video_id}: {key} is missing or has another size."
    for video in Video.objects.iterator():
        if storage.size_of(video.key) != video.size_bytes:
            yield f"The original of video {video.pk} is missing or has another size."
    for version in ModelVersion.objects.iterator():
        if storage.size_of(version.weights_key) != version.weights_bytes:
            yield f"The weights of version {version.number} of data set {version.dataset_id} are missing."


def jobs_move() -> Iterator[str]:
    """A video under way has an open job; no lease is older than lease + two sweeps."""
    under_way = Video.objects.filter(state__in=[Video.State.UPLOADED, Video.State.EXTRACTING, Video.State.SCORING])
    open_job = Q(jobs__state__in=[Job.State.QUEUED, Job.State.RUNNING])
    for video in under_way.annotate(n=Count("jobs", filter=open_job)).filter(n=0):
        yield f"Video {video.pk} is {video.get_state_display().lower()}, but no job is open for it."
    late = dt.timedelta(seconds=settings.JOB_LEASE_S + 2 * settings.JOB_SWEEP_S)
    for job in Job.objects.filter(state=Job.State.RUNNING, lease_until__lt=Now() - late):
        yield f"Job {job.pk} has been abandoned for a while and nobody took it back: is beat running?"


def active_versions_are_scored() -> Iterator[str]:
    """The active version belongs to its data set, is ready, and has scored every frame of every ready video."""
    for dataset in Dataset.objects.exclude(active_version=None).select_related("active_version"):
        version = dataset.active_version
        assert version is not None
        if version.dataset_id != dataset.pk or version.state != ModelVersion.State.READY:
            yield f"Data set {dataset.slug}: the active version {version.number} is not one of its ready versions."
        frames = Frame.objects.filter(video__in=dataset.videos.finished()).count()
        scores = FrameScore.objects.filter(model_version=version, video__in=dataset.videos.finished()).count()
        if frames != scores:
            yield f"Data set {dataset.slug}: {frames} frames of ready videos, {scores} scores by the active version."


def verdict_copies_agree() -> Iterator[str]:
    """The copy of the verdict beside each score is the frame's."""
    for score in FrameScore.objects.exclude(verdict=F("frame__verdict"))[:SHOWN]:
        yield f"Frame {score.frame_id}: its score by version {score.model_version_id} carries an old verdict."
    for likely in FrameProbability.objects.exclude(verdict=F("frame__verdict"))[:SHOWN]:
        yield f"Frame {likely.frame_id}: its probability by fit {likely.calibration_id} carries an old verdict."


def reasons_go_with_out() -> Iterator[str]:
    """Only a frame that is OUT has a reason."""
    for frame in Frame.objects.exclude(reason="").exclude(verdict=Verdict.OUT)[:SHOWN]:
        yield f"Frame {frame.pk} has the reason {frame.reason!r}, but is not OUT."


def segments_hold_every_frame_once() -> Iterator[str]:
    """Where a video's segments were found, each begins where the one before ends, from the first frame to the last."""
    before = Window(Lag("last"), partition_by=F("video"), order_by="first")
    torn = Segment.objects.annotate(begins=Coalesce(before, -1) + 1).exclude(first=F("begins"))
    for video, first, begins in torn.order_by().values_list("video_id", "first", "begins"):
        yield f"Video {video}: a segment begins at frame {first}, and the one before it ends before frame {begins}."
    found = Video.objects.exclude(segmented_by="").annotate(n=Coalesce(Max("segments__last") + 1, 0))
    for pk, n, count in found.exclude(n=F("frame_count")).values_list("pk", "n", "frame_count"):
        yield f"Video {pk} has {count} frames, its segments hold {n}."


def open_frames_agree() -> Iterator[str]:
    """A segment's count of unreviewed frames is what the frames say."""
    counted = Segment.objects.annotate(n=segments.open_frames())
    wrong = counted.exclude(n=F("open_frames")).order_by()
    for pk, video, said, found in wrong.values_list("pk", "video_id", "open_frames", "n"):
        yield f"Segment {pk} of video {video} says {said} unreviewed frames, there are {found}."


def copies_agree() -> Iterator[str]:
    """The word beside each score that its frame nearly repeats another is the frame's."""
    is_copy, copied = Q(is_copy=True), Q(frame__copy_of__isnull=False)
    for score in FrameScore.objects.filter((is_copy & ~copied) | (~is_copy & copied))[:SHOWN]:
        yield f"Frame {score.frame_id}: its score by version {score.model_version_id} is wrong about near copies."
    for likely in FrameProbability.objects.filter((is_copy & ~copied) | (~is_copy & copied))[:SHOWN]:
        yield f"Frame {likely.frame_id}: its probability by fit {likely.calibration_id} is wrong about near copies."


def counts_are_kept() -> Iterator[str]:
    """What is kept as a count is what the rows add up to."""
    for dataset in Dataset.objects.all():
        for version_id in tally_changes.kept(dataset.pk):
            kept, found = tally_changes.difference(dataset.pk, version_id)
            if kept != found:
                whose = f"version {version_id}" if version_id else "all frames"
                yield f"Data set {dataset.slug}: the counts that are kept of {whose} differ from its rows."


CHECKS: tuple[Callable[[], Iterator[str]], ...] = (
    frames_without_holes,
    packs_are_whole,
    objects_are_there,
    jobs_move,
    active_versions_are_scored,
    verdict_copies_agree,
    reasons_go_with_out,
    counts_are_kept,
    segments_hold_every_frame_once,
    open_frames_agree,
    copies_agree,
)
