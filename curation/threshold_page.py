"""What the models page says about one score of the active version: where its threshold lies and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from curation import gallery, scores
from curation.models import Dataset, ModelVersion, Score
from curation.problems import Problem
from curation.scores import Choice


@dataclass(frozen=True, kw_only=True)
class ThresholdLook:
    """`threshold` is None where the version has none of this score. `flagged_now` counts the frames that are flagged
    by the score that the data set flags by."""

    version: ModelVersion
    score: Score
    choices: list[Choice]
    threshold: float | None
    uncertainty: str
    note: str
    can_move: bool
    above: int
    flags: bool
    flag_score: Score
    flagged_now: int

    @property
    def name(self) -> str:
        """As it stands in addresses."""
        return scores.NAMES[self.score]

    @property
    def can_flag(self) -> bool:
        return not self.flags and self.threshold is not None


def look(dataset: Dataset, version: ModelVersion, by: str) -> ThresholdLook:
    """`by` is loss, ood or probability; empty for the score that flags. Raises Problem for anything else."""
    flagging = scores.flag_score(dataset, version)
    choices = scores.choices(version)
    score = asked_score(by) or flagging
    if any(choice.refusal for choice in choices if choice.score == score):
        score = flagging if flagging != score else Score.RECONSTRUCTION_LOSS
    entry = version.thresholds.get(score, {})
    above = scores.above(version, score)
    return ThresholdLook(
        version=version,
        score=score,
        choices=choices,
        threshold=version.threshold_of(score),
        uncertainty=uncertainty(version, score),
        note=entry.get("note", ""),
        can_move=bool(version.quantiles_of(score)),
        above=above,
        flags=flagging == score and dataset.flag_by == score,
        flag_score=flagging,
        flagged_now=above if flagging == score else scores.above(version, flagging),
    )


def asked_score(by: str) -> Score | None:
    """The score that an address names; None when it names none. Raises Problem for a name that no score has."""
    if by and by not in scores.BY_NAME:
        raise Problem(f"The scores are {', '.join(scores.BY_NAME)}; not {by[:20]!r}.")
    return scores.BY_NAME[by] if by else None


def uncertainty(version: ModelVersion, score: str) -> str:
    """The 95 % interval of a threshold and what it rests on, in words; empty without one."""
    entry = version.thresholds.get(score)
    if not entry:
        return ""
    frames, videos = entry.get("frames", version.heldout_frames), entry.get("videos", version.heldout_videos)
    basis = f"{_count(frames, 'held-out frame')} of {_count(videos, 'video')}"
    if entry.get("folds", 1) > 1:
        basis += f", each scored by one of {entry['folds']} models that had not seen its video"
    if entry.get("low") is None or entry.get("high") is None:
        return f"It rests on {basis}; how far it would move on other videos can't be told from these."
    low, high = (scores.shown(entry[edge], score) for edge in ("low", "high"))
    return f"It lies between {low} and {high} with 95 % confidence: {basis}."


def histogram(version: ModelVersion, score: Score) -> dict[str, Any]:
    """The numbers behind the picture of one score, for the browser."""
    entry = version.thresholds.get(score, {})
    return {
        **gallery.histogram(version, score),
        "score": score.value,
        "label": scores.WORDS[score],
        "quantiles": version.quantiles_of(score),
        "low": entry.get("low"),
        "high": entry.get("high"),
        "target_tpr": version.target_tpr,
        "number": version.number,
    }


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
