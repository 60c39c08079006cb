"""The picture of a live fit: bars of all frames by probability, the judged ones below, in the units of its SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from curation.refits import LiveFit

WIDTH, TALL, SHORT = 400.0, 64.0, 18.0
GAP = 1.0


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A rectangle, and what it counts."""

    x: float
    y: float
    width: float
    height: float
    count: int


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Heights grow with the square root of the counts, so that a hundred frames show beside a million."""

    frames: list[Bar]
    inside: list[Bar]
    out: list[Bar]
    threshold: float | None
    low: float
    span: float


def chart(fit: LiveFit) -> Chart:
    judged = max([*fit.in_counts, *fit.out_counts, 1])
    at = fit.threshold
    return Chart(
        frames=_bars(fit.counts, max([*fit.counts, 1]), TALL, TALL, is_up=True),
        inside=_bars(fit.in_counts, judged, SHORT, TALL + SHORT + 3, is_up=True),
        out=_bars(fit.out_counts, judged, SHORT, TALL + SHORT + 4, is_up=False),
        threshold=None if at is None else round(at.value * WIDTH, 1),
        low=round(at.low * WIDTH, 1) if at else 0.0,
        span=round((at.high - at.low) * WIDTH, 1) if at else 0.0,
    )


def _bars(counts: Sequence[int], most: int, height: float, base: float, *, is_up: bool) -> list[Bar]:
    """From `base` up or down; nothing where nothing was counted, at least a line where something was."""
    width = WIDTH / len(counts)
    found = []
    for place, count in enumerate(counts):
        if count:
            tall = max(1.5, round(sqrt(count / most) * height, 1))
            y = round(base - tall, 1) if is_up else base
            found.append(Bar(x=round(place * width, 1), y=y, width=width - GAP, height=tall, count=count))
    return found
