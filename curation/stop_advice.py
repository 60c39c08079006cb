"""May I stop? What the rates are now, how well they are known, and which review brings them to the targets. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scoring.metrics import Estimate

FEWEST_OF_A_KIND = 5
MOST_MINUTES = 600


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What the admins of the data set want: shares of frames, and half the width of a 95 % interval."""

    tpr: float
    fpr: float
    half_width: float

    @property
    def precision(self) -> str:
        return f"± {100 * self.half_width:g} %"


@dataclass(frozen=True, kw_only=True)
class Known:
    """What an audit says now. floors: the part of each rate's variance that no further frame of the same videos takes
    away; left: drawn frames that nobody judged; undrawn: frames of the audit's recordings that could be drawn besides,
    None where that isn't known; pace_s: seconds per blind verdict."""

    rates: dict[str, Estimate]
    floors: dict[str, float]
    judged_in: int
    judged_out: int
    left: int
    pace_s: float
    undrawn: int | None = None

    @property
    def judged(self) -> int:
        return self.judged_in + self.judged_out


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What the last retraining taught: FPR after less FPR before, over so many further reviews; seconds per review."""

    gain: float
    reviews: int
    pace_s: float


@dataclass(frozen=True, kw_only=True)
class Advice:
    """state: "start" (too little is known), "audit" (judge on), "videos" (these recordings can't tell more), "queue"
    (known well, but not good enough), "stop". more: frames that are needed beyond those judged; draw: of these, not
    drawn yet."""

    state: str
    sentence: str
    more: int = 0
    draw: int = 0
    minutes: float | None = None


def advise(known: Known, targets: Targets, lesson: Lesson | None = None) -> Advice:
    """The next thing to do, in a sentence with its minutes."""
    if known.judged_in < FEWEST_OF_A_KIND or known.judged_out < FEWEST_OF_A_KIND:
        return _start(known)
    wanted = {name: _needed(known, name, targets.half_width) for name in ("tpr", "fpr")}
    worst = max(wanted, key=lambda name: wanted[name])
    if math.isinf(wanted[worst]):
        return _more_videos(known, worst, targets)
    if wanted[worst] > known.judged:
        return _audit(known, worst, math.ceil(wanted[worst]) - known.judged, targets)
    return _level(known, targets, lesson)


def half_width(found: Estimate) -> float:
    return (found.high - found.low) / 2


def _needed(known: Known, name: str, target: float) -> float:
    """Judged frames that bring a rate's half-width to `target`: the part of the variance above its floor shrinks with
    the number of frames; infinite when the floor alone is too wide."""
    ratio = round((target / half_width(known.rates[name])) ** 2, 9)
    if ratio >= 1:
        return 0.0
    fixed = known.floors.get(name, 0.0)
    return known.judged * (1 - fixed) / (ratio - fixed) if ratio > fixed else math.inf


def _start(known: Known) -> Advice:
    lacking = "OUT" if known.judged_out <= known.judged_in else "IN"
    more = max(known.left, FEWEST_OF_A_KIND)
    seen = f"{known.judged_in} IN and {known.judged_out} OUT frames are judged"
    return Advice(
        state="start",
        sentence=f"{seen}: rates need at least {FEWEST_OF_A_KIND} of each. Judge on, {lacking} frames are lacking.",
        more=more,
        draw=max(0, more - known.left),
        minutes=_minutes(more, known.pace_s),
    )


def _audit(known: Known, name: str, more: int, targets: Targets) -> Advice:
    minutes = _minutes(more, known.pace_s)
    draw = max(0, more - known.left)
    if known.undrawn is not None and draw > known.undrawn:
        return _too_few_frames(known, name, targets)
    took = f"about {words(minutes)}" if minutes <= MOST_MINUTES else "more than ten hours"
    also = f" {draw:,} of them are still to be drawn." if draw else ""
    sentence = (
        f"{_now(known, name)} For {targets.precision} judge about {more:,} more audit frames, {took} at the "
        f"present pace.{also}"
    )
    return Advice(state="audit", sentence=sentence, more=more, draw=draw, minutes=minutes)


def _more_videos(known: Known, name: str, targets: Targets) -> Advice:
    return Advice(
        state="videos",
        sentence=f"{_now(known, name)} These recordings differ too much to tell it within {targets.precision}: "
        "audit more recordings, not more frames of the same.",
    )


def _too_few_frames(known: Known, name: str, targets: Targets) -> Advice:
    return Advice(
        state="videos",
        sentence=f"{_now(known, name)} All frames of these recordings together are too few for {targets.precision}: "
        "audit more recordings.",
    )


def _level(known: Known, targets: Targets, lesson: Lesson | None) -> Advice:
    tpr, fpr = known.rates["tpr"], known.rates["fpr"]
    found = f"TPR {percent(tpr.value)} and FPR {percent(fpr.value)} are known well enough"
    if fpr.value <= targets.fpr and tpr.value >= targets.tpr - targets.half_width:
        return Advice(state="stop", sentence=f"You may stop: {found}, and the targets are met.", minutes=0.0)
    missed = (
        f"{found}, but at most {percent(targets.fpr)} of the OUT frames should pass"
        if fpr.value > targets.fpr
        else (f"{found}, but at least {percent(targets.tpr)} of the IN frames should pass")
    )
    return _queue(missed, fpr.value - targets.fpr, lesson)


def _queue(missed: str, excess: float, lesson: Lesson | None) -> Advice:
    if excess <= 0:
        return Advice(state="queue", sentence=f"{missed}. Move the threshold up, or mark more reference videos.")
    if lesson is None or lesson.reviews <= 0:
        return Advice(
            state="queue", sentence=f"{missed}. Review the queue, then retrain: the rates will tell what it gave."
        )
    if lesson.gain >= 0:
        return Advice(
            state="queue",
            sentence=f"{missed}. The last {lesson.reviews:,} reviews didn't lower it; other recordings may.",
        )
    more = math.ceil(excess / -lesson.gain * lesson.reviews)
    minutes = _minutes(more, lesson.pace_s)
    took = f"about {words(minutes)}" if minutes <= MOST_MINUTES else "more than ten hours"
    sentence = (
        f"{missed}. At what the last retraining gave, about {more:,} reviews in the queue ({took}), then retrain."
    )
    return Advice(state="queue", sentence=sentence, more=more, minutes=minutes)


def _now(known: Known, name: str) -> str:
    found = known.rates[name]
    return f"{name.upper()} is {percent(found.value)}, between {percent(found.low)} and {percent(found.high)}."


def _minutes(count: int, pace_s: float) -> float:
    return count * pace_s / 60


def percent(share: float) -> str:
    """Never rounds up to 100 % what isn't all, like the figures beside it."""
    return f"{min(100 * share, 99.9 if share < 1 else 100):.1f} %"


def words(minutes: float) -> str:
    if minutes < 1:
        return "a minute"
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
