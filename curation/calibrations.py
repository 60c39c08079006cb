"""What the reviews teach about a version's scores: when to fit, what the newest fit says, and how fresh it is.

The fit itself is scoring/recalibrate.py; the worker's part is scoring/worker/calibrate.py.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from curation import jobs, tallies
from curation.models import Calibration, Dataset, Job, ModelVersion, Review
from curation.problems import Problem

NEEDED_REVIEWS, NEEDED_EACH = 25, 5
DUE_AFTER, DUE_SHARE = 10, 0.05  # new verdicts, and of those known; a fit rewrites the probability of every frame
MOST_COUNTED = 1000
MODEL_FIRST = "Probabilities come with the first model: train one."


@dataclass(frozen=True, kw_only=True)
class CalibrationStatus:
    """`is_ready`: every frame has a probability. `sentence` says how fresh they are, or what is missing."""

    is_ready: bool
    sentence: str
    in_reviews: int = 0
    out_reviews: int = 0
    fitted_at: dt.datetime | None = None
    new_reviews: int = 0
    job: Job | None = None

    @property
    def missing_fraction(self) -> float:
        """How far the verdicts are on the way to a first fit, 0 to 1: the scarcer kind holds it back."""
        total = min(1.0, (self.in_reviews + self.out_reviews) / NEEDED_REVIEWS)
        return min(total, self.in_reviews / NEEDED_EACH, self.out_reviews / NEEDED_EACH)

    @property
    def can_ask(self) -> bool:
        """Whether a fit by hand would learn something that the last one didn't know."""
        return self.job is None and (self.new_reviews > 0 if self.is_ready else self.missing_fraction >= 1)


def status(dataset: Dataset) -> CalibrationStatus:
    """How far the probabilities of the active version are; at most four queries."""
    version = dataset.active_version
    if version is None:
        return CalibrationStatus(is_ready=False, sentence=MODEL_FIRST)
    job = Job.objects.open().filter(kind=Job.Kind.CALIBRATE, model_version=version).first()
    applied = version.calibrations.standing().first()
    if applied is None:
        return _not_yet(dataset, version, job)
    new = new_reviews(dataset, applied)
    return CalibrationStatus(
        is_ready=True,
        sentence=_freshness(applied, new, job),
        in_reviews=applied.in_reviews,
        out_reviews=applied.out_reviews,
        fitted_at=applied.created_at,
        new_reviews=new,
        job=job,
    )


def _not_yet(dataset: Dataset, version: ModelVersion, job: Job | None) -> CalibrationStatus:
    in_reviews, out_reviews = reviewed(dataset)
    newest = version.calibrations.first()
    if job is not None:
        sentence = "The probabilities are being worked out now."
    elif is_enough(in_reviews, out_reviews):
        sentence = newest.note if newest and newest.note else "The probabilities have not been worked out yet."
    else:
        sentence = missing(in_reviews, out_reviews)
    return CalibrationStatus(is_ready=False, sentence=sentence, in_reviews=in_reviews, out_reviews=out_reviews, job=job)


def is_enough(in_reviews: int, out_reviews: int) -> bool:
    """Whether a fit has something to go by: 25 verdicts with 5 of each."""
    return in_reviews + out_reviews >= NEEDED_REVIEWS and min(in_reviews, out_reviews) >= NEEDED_EACH


def missing(in_reviews: int, out_reviews: int) -> str:
    """What a fit still needs, in a sentence."""
    return (
        f"Probabilities need {NEEDED_REVIEWS} verdicts with at least {NEEDED_EACH} IN and {NEEDED_EACH} OUT; "
        f"so far there are {in_reviews} IN and {out_reviews} OUT."
    )


def _freshness(applied: Calibration, new: int, job: Job | None) -> str:
    learned = f"Learned from {applied.in_reviews} IN and {applied.out_reviews} OUT verdicts"
    if job is not None:
        return f"{learned}; newer ones are being learned from now."
    if not new:
        return f"{learned}, all there are."
    return f"{learned}; {newer(new)} came after that."


def newer(count: int) -> str:
    """So many verdicts, in words, as far as `new_reviews` counts."""
    if count > MOST_COUNTED:
        return f"more than {MOST_COUNTED:,} verdicts"
    return "1 verdict" if count == 1 else f"{count:,} verdicts"


def due_after(fit: Calibration) -> int:
    """Verdicts after which the numbers of all frames are worth writing anew: at 2 000 reviews ten more move little."""
    return max(DUE_AFTER, round(DUE_SHARE * (fit.in_reviews + fit.out_reviews)))


def reviewed(dataset: Dataset) -> tuple[int, int]:
    """How many frames stand IN and how many OUT by somebody's verdict."""
    _, inside, out, _ = tallies.reviewed([dataset.pk])[dataset.pk]
    return inside, out


def new_reviews(dataset: Dataset, since: Calibration) -> int:
    """Verdicts given after a fit, counted up to a thousand and one."""
    later = Review.objects.applied().filter(dataset=dataset, created_at__gt=since.created_at)
    return later[: MOST_COUNTED + 1].count()


def request(*, dataset: Dataset, by: str = "") -> Job:
    """Ask for a fit to the verdicts there are. Raises Problem without a model, and with too few verdicts."""
    if dataset.active_version is None:
        raise Problem(MODEL_FIRST)
    counts = reviewed(dataset)
    if not is_enough(*counts):
        raise Problem(missing(*counts))
    return jobs.request(kind=Job.Kind.CALIBRATE, dataset=dataset, by=by, model_version=dataset.active_version)


def is_learning(dataset: Dataset) -> bool:
    """Whether a fit of the active version is under way."""
    version = dataset.active_version
    return version is not None and Job.objects.open().filter(kind=Job.Kind.CALIBRATE, model_version=version).exists()


def request_when_due(dataset: Dataset) -> Job | None:
    """After verdicts: ask for a fit when there are enough new ones since the last."""
    version = dataset.active_version
    if version is None:
        return None
    newest = version.calibrations.first()
    if newest is not None and new_reviews(dataset, newest) < due_after(newest):
        return None
    if not is_enough(*reviewed(dataset)):
        return None
    return jobs.request(kind=Job.Kind.CALIBRATE, dataset=dataset, model_version=version)


def request_for(version: ModelVersion) -> Job | None:
    """A version has scored every frame: give its frames probabilities as well, when there are verdicts to go by."""
    if not is_enough(*reviewed(version.dataset)):
        return None
    return jobs.request(kind=Job.Kind.CALIBRATE, dataset=version.dataset, model_version=version)
