"""Which score sorts and flags: what each one is called, whether a version has it, and how its numbers are written."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce

from curation import calibrations, tallies
from curation.models import Calibration, Dataset, ModelVersion, Review, Score

UNKNOWN = "–"  # noqa: RUF001

NAMES = {Score.RECONSTRUCTION_LOSS: "loss", Score.OOD_SCORE: "ood", Score.PROBABILITY: "probability"}
SHORT = {Score.RECONSTRUCTION_LOSS: "Loss", Score.OOD_SCORE: "Outlier score", Score.PROBABILITY: "Probability"}
WORDS = {
    Score.RECONSTRUCTION_LOSS: "reconstruction loss",
    Score.OOD_SCORE: "outlier score",
    Score.PROBABILITY: "probability of OUT",
}
BY_NAME = {name: score for score, name in NAMES.items()}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A score on offer. `name` stands in addresses; `refusal` is a sentence, empty when the score can be used."""

    score: Score
    name: str
    label: str
    refusal: str = ""


def choices(
    version: ModelVersion, *, is_calibrated: bool | None = None, reviewed: tuple[int, int] | None = None
) -> list[Choice]:
    """Every score of a version, in the order of the buttons, with why one can't be used yet. What the caller knows
    saves a query: whether there are probabilities, and how many frames stand IN and OUT."""
    known = has(version, Score.PROBABILITY) if is_calibrated is None else is_calibrated
    refusals = {} if known else {Score.PROBABILITY: why_not(version, reviewed)}
    return [
        Choice(score=score, name=NAMES[score], label=SHORT[score], refusal=refusals.get(score, "")) for score in Score
    ]


def has(version: ModelVersion, score: str) -> bool:
    """Whether the version's frames have this score: probabilities come with a calibration, the others at once."""
    return score != Score.PROBABILITY or version.calibrations.standing().exists()


def settled(version: ModelVersion, asked: str) -> Score:
    """The score to sort by: the one asked for, or the outlier score while there are no probabilities."""
    return Score(asked) if has(version, asked) else Score.OOD_SCORE


def why_not(version: ModelVersion, reviewed: tuple[int, int] | None = None) -> str:
    """Why the version's frames have no probabilities, in a sentence; `reviewed` as in `choices`."""
    if reviewed and not calibrations.is_enough(*reviewed):
        return calibrations.missing(*reviewed)
    dataset = version.dataset
    if version.pk == dataset.active_version_id:
        return calibrations.status(dataset).sentence
    return f"Version {version.number} has no probabilities: they are worked out for the active version."


def calibration_of(version: ModelVersion) -> Calibration | None:
    """The calibration behind the version's probabilities; its `newer` counts the verdicts that came after it. One
    query."""
    later = Review.objects.applied().filter(dataset=version.dataset_id, created_at__gt=OuterRef("created_at"))
    newer = later.order_by().values("dataset").annotate(reviews=Count("pk")).values("reviews")
    return version.calibrations.standing().annotate(newer=Coalesce(Subquery(newer), 0)).first()


def flag_score(dataset: Dataset, version: ModelVersion) -> Score:
    """The score whose threshold flags frames of this version: the data set's choice, or the nearest that the version
    has a threshold of (a fresh version has no probabilities, an old one may know the reconstruction loss alone)."""
    wanted = (dataset.flag_by, Score.OOD_SCORE, Score.RECONSTRUCTION_LOSS)
    return next((Score(score) for score in wanted if version.threshold_of(score) is not None), Score(wanted[-1]))


def above(version: ModelVersion, score: str) -> int:
    """Frames above the version's threshold of this score; none without one."""
    return sum(tallies.above(version, score, version.threshold_of(score)))


def flagged(dataset: Dataset, version: ModelVersion) -> int:
    """Frames that this version calls outlying, by the score that the data set flags by."""
    return above(version, flag_score(dataset, version))


def shown(value: float | None, score: str) -> str:
    """A score's number as people read it: 87.3, +1.24, or 87 %. Only what is certain reads 0 % or
    100 %."""
    if value is None:
        return UNKNOWN
    if score == Score.OOD_SCORE:
        return f"{value:+.2f}".replace("-", "−")  # noqa: RUF001
    if score == Score.PROBABILITY:
        return f"{min(max(round(value * 100), int(value > 0)), 99 if value < 1 else 100)} %"
    return f"{value:.1f}"
