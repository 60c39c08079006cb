"""Why a frame is OUT: the names that a data set offers for it, in its own words."""

from __future__ import annotations

from curation.models import Dataset, Verdict
from curation.problems import Problem

MOST_REASONS = 9  # one for each of the keys 1 to 9
LONGEST_REASON = 60


def parse(text: str) -> list[str]:
    """The reasons typed one per line, in that order. Raises Problem for too many, too long ones, and the same twice."""
    names = [" ".join(line.split()) for line in text.splitlines()]
    names = [name for name in names if name]
    if len(names) > MOST_REASONS:
        raise Problem(f"At most {MOST_REASONS} reasons, one for each of the keys 1 to 9; these are {len(names)}.")
    for place, name in enumerate(names):
        if len(name) > LONGEST_REASON:
            raise Problem(f"A reason has at most {LONGEST_REASON} characters: “{name[:20]}…” has {len(name)}.")
        if name.casefold() in [other.casefold() for other in names[:place]]:
            raise Problem(f"“{name}” stands there twice.")
    return names


def check(dataset: Dataset, *, verdict: str, reason: str) -> None:
    """Raises Problem unless the reason goes with OUT and is one that the data set offers. No reason is fine."""
    if not reason:
        return
    if verdict != Verdict.OUT:
        raise Problem("Only a verdict OUT has a reason.")
    if reason not in dataset.reasons:
        offered = ", ".join(dataset.reasons) or "none yet"
        raise Problem(f"“{reason[:LONGEST_REASON]}” is none of this data set's reasons ({offered}).")
