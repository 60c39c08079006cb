"""Model versions: making one the active one, going back, and where its threshold lies."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from curation import jobs, scores, segments, videos
from curation.comparison import Comparison, compare
from curation.models import Activation, Dataset, Job, ModelVersion, Pack, Score, Video
from curation.problems import Problem
from scoring.threshold import threshold_at_tpr, threshold_from_quantiles

__all__ = [
    "Comparison",
    "activate",
    "aimed",
    "compare",
    "missing_packs",
    "set_flag_by",
    "set_target_tpr",
    "threshold_at",
]

LOWEST_TPR, HIGHEST_TPR = 0.5, 0.999
RESAMPLES = 300  # of an interval that follows the aim: every version has its own to be worked out at once


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
            dataset.active_version = version
            segments.request(dataset=dataset, by=_name(by))
        _settle_videos(dataset)
    return True


def missing_packs(version: ModelVersion) -> QuerySet[Pack]:
    """Packs of the dataset that hold frames and that this version has not scored."""
    packs = Pack.objects.filter(video__dataset_id=version.dataset_id, is_complete=True)
    return packs.exclude(scored__model_version=version)


def threshold_at(version: ModelVersion, target_tpr: float, score: str = Score.RECONSTRUCTION_LOSS) -> float:
    """The value of a score that accepts `target_tpr` (0.5 to 0.999) of the held-out in-distribution frames.

    Raises Problem for a target out of range, and for a version that kept no held-out scores.
    """
    _check_target(target_tpr)
    if not version.quantiles_of(score):
        words = scores.WORDS[Score(score)]
        raise Problem(f"Version {version.number} kept no held-out {words}, so its threshold can't be moved.")
    return threshold_from_quantiles(version.quantiles_of(score), target_tpr)


def set_target_tpr(*, dataset: Dataset, target_tpr: float, by: User) -> None:
    """Aim every version of the dataset, on every score, at the same true positive rate; thresholds follow from
    held-out scores. Verdicts keep the threshold that people saw when they gave them."""
    _check_target(target_tpr)
    with transaction.atomic():
        Dataset.objects.select_for_update().get(pk=dataset.pk)
        versions = [version for version in dataset.model_versions.all() if version.heldout_quantiles]
        for version in versions:
            version.target_tpr = target_tpr
            version.thresholds = {score: aimed(entry, target_tpr) for score, entry in version.thresholds.items()}
        ModelVersion.objects.bulk_update(versions, ["thresholds", "target_tpr"])
        Dataset.objects.filter(pk=dataset.pk).update(target_tpr=target_tpr)
        segments.request(dataset=dataset, by=_name(by))


def aimed(entry: dict[str, Any], target_tpr: float) -> dict[str, Any]:
    """One score's entry of ModelVersion.thresholds for another aim. The interval needs the quantiles of at least two
    held-out videos; without, it is dropped, because that of the old aim would be wrong."""
    if not entry.get("quantiles"):
        return entry
    kept = {name: value for name, value in entry.items() if name not in ("low", "high")}
    kept["value"] = threshold_from_quantiles(entry["quantiles"], target_tpr)
    videos = entry.get("per_video", [])
    if len(videos) < 2:
        return kept
    found = threshold_at_tpr(videos, target_tpr, resamples=RESAMPLES)
    return kept | {"low": min(found.low, kept["value"]), "high": max(found.high, kept["value"])}


def set_flag_by(*, dataset: Dataset, score: str, by: User) -> None:
    """Sort by this score by default, and flag frames above its threshold.

    Raises Problem for an unknown score, and for one that the active version can't flag by yet.
    """
    if score not in Score.values:
        raise Problem(f"Frames can be flagged by {', '.join(scores.WORDS.values())}; not by {score[:20]!r}.")
    version = dataset.active_version
    if version is not None and not scores.has(version, score):
        raise Problem(scores.why_not(version), status=409)
    if version is not None and version.threshold_of(score) is None:
        words = scores.WORDS[Score(score)]
        raise Problem(f"Version {version.number} has no threshold of the {words}. Train a new one.", status=409)
    with transaction.atomic():
        Dataset.objects.filter(pk=dataset.pk).update(flag_by=score)
        segments.request(dataset=dataset, by=_name(by))


def _check_target(target_tpr: float) -> None:
    if not LOWEST_TPR <= target_tpr <= HIGHEST_TPR:
        raise Problem(f"The target must lie between {LOWEST_TPR:.0%} and {HIGHEST_TPR:.1%}.")


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
    jobs.request(kind=Job.Kind.RESCORE, dataset=version.dataset, by=_name(by), model_version=version)


def _name(by: User | None) -> str:
    return by.get_username() if by else ""


def _settle_videos(dataset: Dataset) -> None:
    waiting = dataset.videos.filter(state__in=[Video.State.EXTRACTED, Video.State.SCORING])
    for video_id in waiting.values_list("pk", flat=True):
        videos.settle(video_id)
