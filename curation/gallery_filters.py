"""What a gallery's address asks for: which frames, in which order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.http import QueryDict

from curation.models import Dataset, Score, Verdict
from curation.problems import Problem
from curation.scores import BY_NAME, NAMES

VERDICTS = ("", Verdict.IN.value, Verdict.OUT.value, Verdict.UNSURE.value, "unreviewed", "reviewed")
SIDES = ("", "above", "below")
UPWARD = "_asc"
SORTS = tuple(name + direction for name in BY_NAME for direction in ("", UPWARD))
ORDERS = ("", "asc")


@dataclass(frozen=True, kw_only=True)
class GalleryFilters:
    """`side` is the side of the active version's threshold on the score that sorts; above = outlying. `sort` is loss,
    ood or probability, worst first, or with _asc from the other end; `default_sort` is left out of addresses."""

    video: int | None = None
    verdict: str = ""
    side: str = ""
    sort: str = NAMES[Score.RECONSTRUCTION_LOSS]
    default_sort: str = NAMES[Score.RECONSTRUCTION_LOSS]

    @classmethod
    def from_query(cls, query: QueryDict, dataset: Dataset | None = None) -> GalleryFilters:
        """Without a sort, by the score that the data set flags by. A form may send the direction apart, as `order`.

        Raises Problem for a value that is none of those on offer; names it doesn't know are left alone.
        """
        video = query.get("video", "")
        if video and not (video.isascii() and video.isdigit() and len(video) < 19):
            raise Problem("That isn't the number of a video.")
        default = NAMES[Score(dataset.flag_by) if dataset else Score.RECONSTRUCTION_LOSS]
        return cls(
            video=int(video) if video else None,
            verdict=_one_of(query.get("verdict", ""), VERDICTS, "verdict"),
            side=_one_of(query.get("side", ""), SIDES, "side"),
            sort=_sort(query.get("sort", "") or default, query.get("order", "")),
            default_sort=default,
        )

    def query(self) -> str:
        """URL-encoded, without what is the default; the cursor is no part of it."""
        asked = {"video": self.video, "verdict": self.verdict, "side": self.side}
        pairs = {name: value for name, value in asked.items() if value}
        return urlencode(pairs | ({"sort": self.sort} if self.sort != self.default_sort else {}))

    @property
    def is_narrowed(self) -> bool:
        return bool(self.video or self.verdict or self.side)

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


def _sort(sort: str, order: str) -> str:
    _one_of(sort, SORTS, "sort")
    is_upward = _one_of(order, ORDERS, "order") == "asc"
    return sort + UPWARD if is_upward and not sort.endswith(UPWARD) else sort


def _one_of(value: str, allowed: tuple[str, ...], name: str) -> str:
    if value not in allowed:
        raise Problem(f"The {name} filter knows {', '.join(v for v in allowed if v)}; not {value[:20]!r}.")
    return value
