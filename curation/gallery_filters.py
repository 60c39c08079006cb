"""What a gallery's address asks for: which frames, in which order."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict

from curation.models import Dataset, Score, Verdict
from curation.problems import Problem
from curation.scores import BY_NAME, NAMES

VERDICTS = ("", Verdict.IN.value, Verdict.OUT.value, Verdict.UNSURE.value, "unreviewed", "reviewed")
SIDES = ("", "above", "below")
COPIES = ("", "all")
UPWARD = "_asc"
SORTS = tuple(name + direction for name in BY_NAME for direction in ("", UPWARD))
ORDERS = ("", "asc")


@dataclass(frozen=True, kw_only=True)
class GalleryFilters:
    """`side` is the side of the active version's threshold on the score that sorts; above = outlying. `low` and `high`
    bound that score, both included. `copies`: empty folds near copies into the frame that they repeat, "all" shows
    each. `start` (in addresses: from) is the score to open the order at; it filters nothing. `selection` is the uuid of
    a frozen list: it is shown whole and in its own order. `sort` is loss, ood or probability, worst first, or with
    _asc from the other end; `default_sort` is left out of addresses."""

    video: int | None = None
    verdict: str = ""
    side: str = ""
    low: float | None = None
    high: float | None = None
    copies: str = ""
    start: float | None = None
    selection: UUID | None = None
    sort: str = NAMES[Score.RECONSTRUCTION_LOSS]
    default_sort: str = NAMES[Score.RECONSTRUCTION_LOSS]

    @classmethod
    def from_query(cls, query: QueryDict, dataset: Dataset | None = None) -> GalleryFilters:
        """Without a sort, by the score that the data set flags by. A form may send the direction apart, as `order`.
        Next to a selection, whatever would narrow or reorder it is dropped.

        Raises Problem for a value that is none of those on offer; names it doesn't know are left alone.
        """
        default = NAMES[Score(dataset.flag_by) if dataset else Score.RECONSTRUCTION_LOSS]
        if selection := query.get("selection", ""):
            return cls(selection=_uuid(selection), sort=default, default_sort=default)
        low, high = _number(query.get("low", ""), "low"), _number(query.get("high", ""), "high")
        if low is not None and high is not None and low > high:
            raise Problem("The lower end of the range of scores lies above its upper end.")
        return cls(
            video=_video(query.get("video", "")),
            verdict=_one_of(query.get("verdict", ""), VERDICTS, "verdict"),
            side=_one_of(query.get("side", ""), SIDES, "side"),
            low=low,
            high=high,
            copies=_one_of(query.get("copies", ""), COPIES, "copies"),
            start=_number(query.get("from", ""), "from"),
            sort=_sort(query.get("sort", "") or default, query.get("order", "")),
            default_sort=default,
        )

    def query(self) -> str:
        """URL-encoded, without what is the default; the cursor is no part of it."""
        asked = {
            "video": self.video,
            "verdict": self.verdict,
            "side": self.side,
            "low": self.low,
            "high": self.high,
            "copies": self.copies,
            "selection": self.selection,
            "sort": "" if self.sort == self.default_sort else self.sort,
            "from": self.start,
        }
        return urlencode({name: value for name, value in asked.items() if value not in (None, "")})

    def without(self, *names: str) -> GalleryFilters:
        """The same, but for these fields: what a chip's x leads to."""
        usual: Any = GalleryFilters()
        return replace(self, **{name: getattr(usual, name) for name in names})

    @property
    def is_narrowed(self) -> bool:
        return bool(self.video or self.verdict or self.side or self.selection or self.is_ranged)

    @property
    def is_ranged(self) -> bool:
        return self.low is not None or self.high is not None

    @property
    def folds_copies(self) -> bool:
        """Where verdicts are looked up, a copy that was judged apart from its first frame must not hide."""
        return not self.copies and not self.selection and self.verdict in ("", "unreviewed")

    @property
    def score(self) -> Score:
        """The score asked for; a version may not have it yet."""
        return BY_NAME[self.sort.removesuffix(UPWARD)]

    @property
    def is_upward(self) -> bool:
        """Most typical first."""
        return self.sort.endswith(UPWARD)

    def with_score(self, score: Score) -> GalleryFilters:
        return replace(self, sort=NAMES[score] + (UPWARD if self.is_upward else ""))

    def flipped(self) -> GalleryFilters:
        return replace(self, sort=self.sort.removesuffix(UPWARD) if self.is_upward else self.sort + UPWARD)


def _video(text: str) -> int | None:
    if text and not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Problem("That isn't the number of a video.")
    return int(text) if text else None


def _number(text: str, name: str) -> float | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        what = "score to jump to" if name == "from" else f"{name} end of a range of scores"
        raise Problem(f"The {what} is a number; not {text[:20]!r}.")
    return number


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Problem("That link to a list of frames is broken.") from None


def _sort(sort: str, order: str) -> str:
    _one_of(sort, SORTS, "sort")
    is_upward = _one_of(order, ORDERS, "order") == "asc"
    return sort + UPWARD if is_upward and not sort.endswith(UPWARD) else sort


def _one_of(value: str, allowed: tuple[str, ...], name: str) -> str:
    if value not in allowed:
        raise Problem(f"The {name} filter knows {', '.join(v for v in allowed if v)}; not {value[:20]!r}.")
    return value
