"""What a training measured on each kind of outlier, as its page says it: a loss as plainly as a gain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from curation import scores
from curation.models import Dataset, ModelVersion, Score

ALL = "all OUT frames"
NAMELESS = "frames without a reason"


@dataclass(frozen=True)
class Figure:
    """A share between 0 and 1 with its 95 % interval. `change`: "better", "worse", or "" where the interval of the
    difference holds 0 or there was no version before."""

    before: float | None
    after: float
    low: float
    high: float
    change: str


@dataclass(frozen=True)
class ReasonResult:
    """`is_seen`: the model was trained on these very frames, which flatters it."""

    reason: str
    frames: int
    videos: int
    is_seen: bool
    is_all: bool
    auroc: Figure
    fpr95: Figure
    few_videos: bool


@dataclass(frozen=True)
class ReasonTable:
    score: Score
    label: str
    rows: list[ReasonResult]

    @property
    def has_before(self) -> bool:
        return any(row.auroc.before is not None for row in self.rows)

    @property
    def few_videos(self) -> bool:
        return any(row.few_videos for row in self.rows)

    @property
    def has_seen(self) -> bool:
        return any(row.is_seen for row in self.rows)

    @property
    def sentence(self) -> str:
        """Who gained and who lost, losses first; empty without a version before."""
        if not self.has_before:
            return ""
        kinds = [row for row in self.rows if not row.is_all]
        said = [_named(kinds, change, words) for change, words in WORDS.items()]
        return " ".join(sentence for sentence in said if sentence)


WORDS = {"worse": "Worse on", "better": "Better on", "": "No clear change on"}


def tables(version: ModelVersion, dataset: Dataset) -> list[ReasonTable]:
    """One for each score that was measured, that which the data set flags by first; none without OUT frames."""
    rows = _comparable(version.metrics.get("reasons") or [])
    measured = [Score(name) for name in (rows[0]["scores"] if rows else ())]
    ordered = sorted(measured, key=lambda score: score != dataset.flag_by)
    return [ReasonTable(score, scores.WORDS[score], [_row(row, score) for row in rows]) for score in ordered]


def _comparable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the row over all reasons where it covers only some of them: the others have only frames trained on."""
    return [row for row in rows if row["reason"] is not None or {each["seen"] for each in rows} == {row["seen"]}]


def _row(row: dict[str, Any], score: Score) -> ReasonResult:
    figures = row["scores"][score.value]
    return ReasonResult(
        reason=ALL if row["reason"] is None else row["reason"] or NAMELESS,
        frames=row["frames"],
        videos=row["videos"],
        is_seen=row["seen"],
        is_all=row["reason"] is None,
        auroc=_figure(figures["auroc"], higher_is_better=True),
        fpr95=_figure(figures["fpr_at_tpr"], higher_is_better=False),
        few_videos=figures["auroc"]["few"],
    )


def _figure(figure: dict[str, Any], *, higher_is_better: bool) -> Figure:
    after, low, high = figure["after"]
    before = figure["before"][0] if "before" in figure else None
    return Figure(before, after, low, high, _change(figure.get("gained"), higher_is_better=higher_is_better))


def _change(gained: list[float] | None, *, higher_is_better: bool) -> str:
    if gained is None or gained[1] <= 0 <= gained[2]:
        return ""
    return "better" if (gained[0] > 0) == higher_is_better else "worse"


def _named(rows: list[ReasonResult], change: str, words: str) -> str:
    names = [row.reason for row in rows if row.auroc.change == change]
    return f"{words} {', '.join(names)}." if names else ""
