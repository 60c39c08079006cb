"""What the end of a job means for the row it worked on."""

from __future__ import annotations

from collections.abc import Callable

from django.utils import timezone

from curation.models import Decision, Export, Job, ModelVersion, TrainingRun, Video


def failed(job: Job) -> None:
    """The job ended for good without its result: its subject says why."""
    _FAILED[Job.Kind(job.kind)](job, job.reason)


def cancelled(job: Job) -> None:
    """Somebody stopped the job."""
    if job.kind == Job.Kind.TRAIN and job.training_run:
        _close_training(job.training_run, TrainingRun.State.CANCELLED, job.reason)
    elif job.kind == Job.Kind.EXPORT and job.export:
        _close_export(job.export, Export.State.CANCELLED, job.reason)
    else:
        failed(job)


def reopened(job: Job) -> None:
    """A retry: the subject goes back to where the work begins."""
    if job.kind == Job.Kind.EXTRACT and job.video:
        Video.objects.filter(pk=job.video.pk).update(state=Video.State.UPLOADED, note="")
    elif job.kind == Job.Kind.SCORE and job.video:
        Video.objects.filter(pk=job.video.pk).update(state=Video.State.SCORING, note="")
    elif job.kind == Job.Kind.TRAIN and job.training_run:
        TrainingRun.objects.filter(pk=job.training_run.pk, version=None).update(
            state=TrainingRun.State.QUEUED, note="", finished_at=None
        )
    elif job.kind == Job.Kind.RESCORE and job.model_version:
        ModelVersion.objects.filter(pk=job.model_version.pk).update(state=ModelVersion.State.RESCORING, note="")
        TrainingRun.objects.filter(version=job.model_version, state=TrainingRun.State.FAILED).update(
            state=TrainingRun.State.RESCORING, note="", finished_at=None
        )
    elif job.kind == Job.Kind.EXPORT and job.export:
        Export.objects.filter(pk=job.export.pk).update(state=Export.State.QUEUED, note="", finished_at=None)
    elif job.kind == Job.Kind.DECIDE and job.decision:
        Decision.objects.filter(pk=job.decision.pk).update(state=Decision.State.QUEUED, message="")


def _video(job: Job, reason: str) -> None:
    if job.video:
        Video.objects.filter(pk=job.video.pk).update(state=Video.State.FAILED, note=reason)


def _score(job: Job, reason: str) -> None:
    """Only the active version's scores decide a video's state."""
    if job.video and job.dataset.active_version_id == job.model_version_id:
        _video(job, reason)


def _close_run(run: TrainingRun, state: TrainingRun.State, note: str) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(state=state, note=note, finished_at=timezone.now())


def _close_training(run: TrainingRun, state: TrainingRun.State, note: str) -> None:
    """Once the version stands, only its threshold is still being measured: the run itself has got what it wanted."""
    if not TrainingRun.objects.filter(pk=run.pk).exclude(version=None).exists():
        _close_run(run, state, note)


def _train(job: Job, reason: str) -> None:
    if job.training_run:
        _close_training(job.training_run, TrainingRun.State.FAILED, reason)


def _rescore(job: Job, reason: str) -> None:
    """The version's weights are good, its scores are not complete: it can't be activated until a retry ends well."""
    if job.model_version:
        ModelVersion.objects.filter(pk=job.model_version.pk).update(note=reason)
        open_runs = TrainingRun.objects.filter(version=job.model_version, state=TrainingRun.State.RESCORING)
        open_runs.update(state=TrainingRun.State.FAILED, note=reason, finished_at=timezone.now())


def _export(job: Job, reason: str) -> None:
    if job.export:
        _close_export(job.export, Export.State.FAILED, reason)


def _close_export(export: Export, state: Export.State, note: str) -> None:
    Export.objects.filter(pk=export.pk).update(state=state, note=note, finished_at=timezone.now())


def _calibrate(job: Job, reason: str) -> None:
    """The probabilities of the last good fit stand; the job itself says why there is no newer one."""


def _nothing(job: Job, reason: str) -> None:
    """The segments found before still stand; the job itself says why there are no others."""


def _decide(job: Job, reason: str) -> None:
    if job.decision:
        Decision.objects.filter(pk=job.decision.pk).update(state=Decision.State.FAILED, message=reason)


_FAILED: dict[Job.Kind, Callable[[Job, str], None]] = {
    Job.Kind.EXTRACT: _video,
    Job.Kind.SCORE: _score,
    Job.Kind.TRAIN: _train,
    Job.Kind.RESCORE: _rescore,
    Job.Kind.EXPORT: _export,
    Job.Kind.CALIBRATE: _calibrate,
    Job.Kind.SEGMENT: _nothing,
    Job.Kind.DECIDE: _decide,
}
