"""How far a training run and a rescoring are, in numbers for a page."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, QuerySet

from curation import jobs, scores
from curation.models import Dataset, EpochMetric, Job, JobLine, ModelVersion, Pack, Score, ScoredPack, TrainingRun
from scoring.config import TrainConfig
from scoring.errors import ModelError, TrainingError


@dataclass(frozen=True)
class Step:
    """One stage on the way of a run. `mark`: done, now, next, or stopped (where a failed or cancelled run ended)."""

    label: str
    mark: str


@dataclass(frozen=True)
class RunProgress:
    """`fraction` 0 to 1 of the stage under way, None while unknown."""

    job: Job | None
    steps: list[Step]
    epochs: int
    latest: EpochMetric | None
    fraction: float | None
    note: str
    eta_s: float | None
    is_moving: bool
    folds: Job | None = None  # the work that measures the threshold once the version stands


@dataclass(frozen=True)
class VersionProgress:
    """Rescoring: packs of frames scored by a version, of those there are."""

    scored: int
    total: int
    eta_s: float | None
    job: Job | None  # the one at work, or the last one

    @property
    def is_moving(self) -> bool:
        """False when the rescoring stopped before its end: somebody has to try it again."""
        return self.job is not None and self.job.is_open

    @property
    def fraction(self) -> float:
        return self.scored / self.total if self.total else 1.0


@dataclass(frozen=True)
class VersionRow:
    """A version in the list of versions; `above` counts the frames above its threshold of the score that flags."""

    version: ModelVersion
    score: Score
    threshold: float | None
    above: int
    progress: VersionProgress | None


STAGES = [
    (TrainingRun.State.QUEUED, "Queued"),
    (TrainingRun.State.TRAINING, "Training"),
    (TrainingRun.State.RESCORING, "Rescoring"),
    (TrainingRun.State.DONE, "Done"),
]


def run_jobs(run: TrainingRun) -> QuerySet[Job]:
    """The jobs of a run, newest first: its training, and the rescoring of its version that belongs to it."""
    rescoring = Q(kind=Job.Kind.RESCORE, model_version=run.version_id) if run.version_id else Q(pk=None)
    if run.finished_at:
        rescoring &= Q(created_at__lte=run.finished_at)  # later ones serve a return to an old version
    return Job.objects.filter(Q(training_run=run) | rescoring).order_by("-id")


def run_lines(run: TrainingRun, count: int) -> list[JobLine]:
    """The last `count` lines of the run's log, newest first."""
    return list(JobLine.objects.filter(job__in=list(run_jobs(run))).order_by("-id")[:count])


def run_progress(run: TrainingRun) -> RunProgress:
    job, folds = run_jobs(run).first(), fold_job(run)
    latest = run.epochs.last()
    return RunProgress(
        job=job,
        steps=_steps(run),
        epochs=planned_epochs(run),
        latest=latest,
        fraction=job.progress if job and job.state == Job.State.RUNNING else None,
        note=job.progress_note if job else "",
        eta_s=jobs.eta_s(job) if job else None,
        is_moving=run.state in TrainingRun.OPEN_STATES or folds is not None,
        folds=folds,
    )


def fold_job(run: TrainingRun) -> Job | None:
    """The run's training job while it goes on after the version stands: it measures the threshold by folds."""
    if not run.version_id:
        return None
    return Job.objects.open().filter(kind=Job.Kind.TRAIN, training_run=run).first()


def planned_epochs(run: TrainingRun) -> int:
    """Epochs the run makes at most; it may stop earlier, when the held-out loss no longer falls."""
    if not run.train_frames:
        return run.epochs_done
    try:
        config = TrainConfig.from_json(run.config)
        return config.retrain_epochs if run.out_frames else config.epochs_for(run.train_frames)
    except (TrainingError, ModelError):
        return run.epochs_done


def version_progress(version: ModelVersion) -> VersionProgress | None:
    """None unless the version is being rescored."""
    if version.state != ModelVersion.State.RESCORING:
        return None
    total = Pack.objects.filter(video__dataset_id=version.dataset_id, is_complete=True).count()
    scored = ScoredPack.objects.filter(model_version=version).count()
    job = version.jobs.filter(kind=Job.Kind.RESCORE).order_by("-id").first()
    return VersionProgress(scored=scored, total=total, eta_s=jobs.eta_s(job) if job else None, job=job)


def version_row(dataset: Dataset, version: ModelVersion) -> VersionRow:
    score = scores.flag_score(dataset, version)
    return VersionRow(
        version=version,
        score=score,
        threshold=version.threshold_of(score),
        above=scores.above(version, score),
        progress=version_progress(version),
    )


def _steps(run: TrainingRun) -> list[Step]:
    reached = _reached(run)
    is_stopped = run.state in (TrainingRun.State.FAILED, TrainingRun.State.CANCELLED)
    here = "stopped" if is_stopped else "done" if run.state == TrainingRun.State.DONE else "now"
    return [
        Step(label, "done" if place < reached else here if place == reached else "next")
        for place, (_, label) in enumerate(STAGES)
    ]


def _reached(run: TrainingRun) -> int:
    """Index of the stage that the run is in, or in which it ended."""
    states = [state for state, _ in STAGES]
    if run.state in states:
        return states.index(TrainingRun.State(run.state))
    if run.version_id:
        return states.index(TrainingRun.State.RESCORING)
    return states.index(TrainingRun.State.TRAINING if run.started_at else TrainingRun.State.QUEUED)
