"""Rules around a video: its states, its progress, marking it as reference, retry and removal."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Sum

from curation import jobs, storage, tally_changes
from curation.models import Job, ModelVersion, ScoredPack, TrainingRun, Video
from curation.problems import Problem
from scoring.preprocessing import Crop

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class VideoProgress:
    """How far a video is on its way to ready."""

    fraction: float  # of the step under way, 0 to 1
    frames: int  # sampled so far
    scored: int  # of these, scored by the active version
    note: str
    eta_s: float | None


def scored_frames(video: Video, version_id: int | None) -> int:
    if version_id is None:
        return 0
    done = ScoredPack.objects.filter(model_version_id=version_id, pack__video=video)
    return int(done.aggregate(total=Sum("pack__frame_count"))["total"] or 0)


def progress(video: Video) -> VideoProgress:
    job = video.jobs.open().order_by("id").first()
    scored = scored_frames(video, video.dataset.active_version_id)
    fraction = job.progress if job else 0.0
    if video.state == Video.State.SCORING and video.frame_count:
        fraction = scored / video.frame_count
    return VideoProgress(
        fraction=fraction,
        frames=video.frame_count,
        scored=scored,
        note=job.progress_note if job else "",
        eta_s=jobs.eta_s(job) if job else None,
    )


def settle(video_id: int) -> None:
    """Move a video whose frames are all extracted to the state that its scores allow. Safe to call at any time."""
    with transaction.atomic():
        video = Video.objects.select_for_update().select_related("dataset").get(pk=video_id)
        if video.extracted_at is None or video.state == Video.State.FAILED:
            return
        Video.objects.filter(pk=video.pk).update(state=_settled_state(video))


def _settled_state(video: Video) -> Video.State:
    version_id = video.dataset.active_version_id
    if version_id is None:
        return Video.State.EXTRACTED
    if video.packs.exclude(scored__model_version_id=version_id).exists():
        return Video.State.SCORING
    return Video.State.READY_WITH_WARNING if video.note else Video.State.READY


def request_scores(video: Video) -> None:
    """Ask for scores of whatever the video has so far, by the active version and by candidates under comparison."""
    active = video.dataset.active_version_id
    wanted = ModelVersion.objects.filter(dataset=video.dataset).usable()
    newest = wanted.order_by("-number").first()
    for version in wanted.filter(pk__in=[pk for pk in (active, newest.pk if newest else None) if pk]):
        jobs.request(kind=Job.Kind.SCORE, dataset=video.dataset, video=video, model_version=version)


def mark_reference(*, video: Video, is_reference: bool, by: User) -> None:
    """Reference: every frame of the video counts as in distribution from the next training on."""
    Video.objects.filter(pk=video.pk).update(is_reference=is_reference)


def retry(*, video: Video, by: User) -> None:
    """Start again what failed; frames that were extracted before stay."""
    if video.state != Video.State.FAILED:
        raise Problem("Only a failed video can be tried again.", status=409)
    failed = video.jobs.filter(state__in=[Job.State.FAILED, Job.State.CANCELLED]).order_by("-id").first()
    if failed is None or failed.kind == Job.Kind.EXTRACT:
        Video.objects.filter(pk=video.pk).update(state=Video.State.UPLOADED, note="")
        jobs.request(kind=Job.Kind.EXTRACT, dataset=video.dataset, by=by.get_username(), video=video)
    else:
        jobs.retry(job=failed, by=by.get_username())


def set_crop(*, video: Video, crop: str, by: User) -> bool:
    """Cut these pixels from the video's pictures: "" = the bars that are found, "none", or "left,top,right,bottom" as
    shown. False when that is so already.

    Its frames are extracted again, pack by pack: numbers, times and verdicts stay, scores are made again. Raises
    Problem for what is no crop or leaves next to nothing, and while the frames are being taken or learned from.
    """
    wanted = _checked_crop(video, crop)
    with transaction.atomic():
        row = Video.objects.select_for_update().select_related("dataset").get(pk=video.pk)
        if row.crop == wanted:
            return False
        _check_frames_are_free(row)
        Video.objects.filter(pk=row.pk).update(
            crop=wanted, revision=F("revision") + 1, state=Video.State.UPLOADED, note="", extracted_at=None
        )
        jobs.request(kind=Job.Kind.EXTRACT, dataset=row.dataset, by=by.get_username(), video=row)
    return True


def _checked_crop(video: Video, crop: str) -> str:
    if not crop:
        return ""
    try:
        cut = Crop.parse(crop)
        if video.width and video.height:
            cut.check(video.width, video.height)
    except ValueError as error:
        raise Problem(str(error)) from None
    return str(cut)


def _check_frames_are_free(video: Video) -> None:
    if video.jobs.open().filter(kind=Job.Kind.EXTRACT).exists():
        raise Problem("This video's frames are being extracted; wait for the end of that, or cancel it.", status=409)
    if video.dataset.training_runs.filter(state__in=TrainingRun.OPEN_STATES).exists():
        raise Problem(
            "A training run is under way and may learn from this video's frames; wait for its end, or cancel it.",
            status=409,
        )


def delete(*, video: Video, by: User) -> None:
    """Remove a video with its frames, scores and reviews. Refused while a training run may read it."""
    if video.dataset.training_runs.filter(state__in=TrainingRun.OPEN_STATES).exists():
        raise Problem("A training run is under way; wait for its end or cancel it, then delete the video.", status=409)
    if video.jobs.filter(state=Job.State.RUNNING).exists():
        raise Problem("This video is being worked on; cancel its job first, or wait.", status=409)
    key, prefix = video.key, f"packs/{video.uuid}/"
    with transaction.atomic():
        list(video.packs.select_for_update().order_by("pk").values_list("pk"))  # scoring locks its pack as well
        tally_changes.video_removed(video)
        video.delete()
        transaction.on_commit(lambda: _remove_objects(key, prefix))


def _remove_objects(key: str, prefix: str) -> None:
    """The rows are gone already; objects that can't be removed now are only wasted space."""
    try:
        storage.delete([key, *storage.keys_under(prefix)])
    except storage.StoreUnavailable as error:
        log.warning("objects of a deleted video stay behind", key=key, prefix=prefix, error=str(error))
