"""Model versions: making one the active one, going back, and where its threshold lies."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from curation import jobs, videos
from curation.comparison import Comparison, compare
from curation.models import Activation, Dataset, FrameScore, Job, ModelVersion, Pack, Video
from curation.problems import Problem
from scoring.threshold import threshold_from_quantiles

__all__ = [
    "Comparison",
    "activate",
    "compare",
    "frames_above",
    "missing_packs",
    "set_target_tpr",
    "threshold_at",
]

LOWEST_TPR, HIGHEST_TPR = 0.5, 0.999


def activate(*, version: ModelVersion, by: User | None) -> bool:
    """Make `version` the one that sorts the gallery and calls frames outlying.

    One UPDATE switches it. A version that lacks scores for newer videos is rescored first and becomes active at the
    end of that; then the answer is False. Raises Problem for a failed version and for one under rescoring.
    """
    with transaction.atomic():
        dataset = Dataset.objects.select_for_update().get(pk=version.dataset_id)
        version.refresh_from_db()
        _check_ready(version)
        if missing_packs(version).exists():
            _rescore_then_activate(version, by)
            return False
        if dataset.active_version_id != version.pk:
            Dataset.objects.filter(pk=dataset.pk).update(active_version=version)
            Activation.objects.create(dataset=dataset, model_version=version, user=by)
        _settle_videos(dataset)
    return True


def missing_packs(version: ModelVersion) -> QuerySet[Pack]:
    """Packs of the dataset that hold frames and that this version has not scored."""
    packs = Pack.objects.filter(video__dataset_id=version.dataset_id, is_complete=True)
    return packs.exclude(scored__model_version=version)


def threshold_at(version: ModelVersion, target_tpr: float) -> float:
    """Reconstruction loss that accepts `target_tpr` (0.5 to 0.999) of the held-out in-distribution frames.

    Raises Problem for a target out of range, and for a version that kept no held-out losses.
    """
    if not LOWEST_TPR <= target_tpr <= HIGHEST_TPR:
        raise Problem(f"The target must lie between {LOWEST_TPR:.0%} and {HIGHEST_TPR:.1%}.")
    if not version.heldout_quantiles:
        raise Problem(f"Version {version.number} has no held-out losses, so its threshold can't be moved.")
    return threshold_from_quantiles(version.heldout_quantiles, target_tpr)


def set_target_tpr(*, dataset: Dataset, target_tpr: float, by: User) -> None:
    """Aim every version of the dataset at the same true positive rate; thresholds follow from held-out losses.

    Verdicts keep the threshold that people saw when they gave them.
    """
    with transaction.atomic():
        Dataset.objects.select_for_update().get(pk=dataset.pk)
        versions = [version for version in dataset.model_versions.all() if version.heldout_quantiles]
        for version in versions:
            _aim(version, target_tpr)
        ModelVersion.objects.bulk_update(versions, ["thresholds", "target_tpr"])
        Dataset.objects.filter(pk=dataset.pk).update(target_tpr=target_tpr)


def _aim(version: ModelVersion, target_tpr: float) -> None:
    """Move the threshold of every score that the version kept held-out quantiles of."""
    threshold_at(version, target_tpr)
    version.target_tpr = target_tpr
    for entry in version.thresholds.values():
        if entry.get("quantiles"):
            entry["value"] = threshold_from_quantiles(entry["quantiles"], target_tpr)


def frames_above(version: ModelVersion) -> int:
    """Scored frames on the outlying side of the version's threshold; an index range, quick at any size."""
    return FrameScore.objects.of_version(version).flagged(version.threshold).count()


def _check_ready(version: ModelVersion) -> None:
    if version.state == ModelVersion.State.FAILED:
        raise Problem(f"Version {version.number} failed: {version.note}", status=409)
    if version.state == ModelVersion.State.RESCORING:
        raise Problem(
            f"Version {version.number} is still scoring the frames; activate it when that is done.", status=409
        )


def _rescore_then_activate(version: ModelVersion, by: User | None) -> None:
    ModelVersion.objects.filter(dataset_id=version.dataset_id).update(activate_when_ready=False)
    ModelVersion.objects.filter(pk=version.pk).update(state=ModelVersion.State.RESCORING, activate_when_ready=True)
    name = by.get_username() if by else ""
    jobs.request(kind=Job.Kind.RESCORE, dataset=version.dataset, by=name, model_version=version)


def _settle_videos(dataset: Dataset) -> None:
    waiting = dataset.videos.filter(state__in=[Video.State.EXTRACTED, Video.State.SCORING])
    for video_id in waiting.values_list("pk", flat=True):
        videos.settle(video_id)
