"""The calibration as people click: refitted to all verdicts within the request, beside the one whose probabilities
stand.

It starts from what the last fit by a worker left (scoring/refit.py) and reads what came since from the log. Nothing is
stored: the numbers beside the frames change when the worker fits again.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from curation import audits, frame_features, storage
from curation.models import Calibration, Dataset, Frame, FrameScore, ModelVersion, Review, Verdict
from scoring.errors import ModelError
from scoring.recalibrate import Refusal
from scoring.refit import Digest, Reduced, Refit, reduced, refit
from scoring.splits import group_by_video
from scoring.threshold import Threshold, threshold_at_tpr

MOST_NEW = 4000  # verdicts since the fit that are looked at
MOST_READ = 64  # frames whose features are read in one request; the newest first
RESAMPLES = 300
BARS = 40
NORMAL = 1.96  # 95 % of a normal distribution lie within so many standard deviations
GONE = "What the last fit left for this is missing; learn from all verdicts once more."

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Share:
    """How many of all frames, estimated from a random sample of them; `error`: half the width of the 95 % interval, 0
    when every frame was looked at."""

    frames: int
    error: int


@dataclass(frozen=True, kw_only=True)
class LiveFit:
    """`new`: verdicts that the stored probabilities don't know; `waiting`: those of them that are not in here either.
    threshold: None where no held-out frames were kept. above: frames above it; in_above, out_above: judged ones.
    counts (BARS,): all frames by probability from 0 to 1, of them judged IN and OUT; bar_error: of the least sure
    bar."""

    in_reviews: int
    out_reviews: int
    new: int
    waiting: int
    threshold: Threshold | None
    above: Share | None
    in_above: int
    out_above: int
    counts: list[int]
    in_counts: list[int]
    out_counts: list[int]
    bar_error: int
    sample: int
    frames: int

    @property
    def reviews(self) -> int:
        return self.in_reviews + self.out_reviews


@dataclass
class _Known:
    """The digest of one fit, and the frames judged since whose features were read already."""

    digest: Digest
    heldout: frozenset[int]
    more: dict[int, Reduced] = field(default_factory=dict)
    missing: set[int] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    answer: tuple[tuple[int, float], LiveFit | Refusal] | None = None


def live(dataset: Dataset) -> LiveFit | Refusal | None:
    """The refit to the verdicts of now; a Refusal with a sentence; None while no fit stands. At most four queries and
    as many small reads as there are frames judged since the last call."""
    version = dataset.active_version
    row = version.calibrations.standing().first() if version else None
    if version is None or row is None:
        return None
    known = _known_of(row)
    if known is None:
        return Refusal(GONE)
    said, last = _verdicts_since(dataset, row)
    with known.lock:
        if known.answer is None or known.answer[0] != (last, dataset.target_tpr) or _is_partial(known.answer[1]):
            found = _fitted(version, known, said, dataset.target_tpr)
            known.answer = (last, dataset.target_tpr), found
        return known.answer[1]


def _is_partial(answer: LiveFit | Refusal) -> bool:
    return isinstance(answer, LiveFit) and answer.waiting > 0


def _known_of(row: Calibration) -> _Known | None:
    try:
        return _loaded(row.digest_key)
    except (storage.MissingObject, ModelError):
        return None


@lru_cache(maxsize=4)
def _loaded(key: str) -> _Known:
    """5 to 8 MB in memory each."""
    digest = Digest.from_bytes(storage.read(key))
    return _Known(digest, frozenset(digest.heldout.ids.tolist()))


def _verdicts_since(dataset: Dataset, row: Calibration) -> tuple[dict[int, str], int]:
    """Frame -> verdict by now, of those that were judged since the fit, newest last; and the newest review."""
    log = Review.objects.applied().filter(dataset=dataset, created_at__gt=row.created_at).order_by("-created_at", "-id")
    rows = list(log.values_list("id", "frame_id", "verdict")[:MOST_NEW])
    said: dict[int, str] = {}
    for _, frame_id, verdict in sorted(rows):
        said.pop(frame_id, None)
        said[frame_id] = verdict
    return said, max((pk for pk, _, _ in rows), default=0)


def _fitted(version: ModelVersion, known: _Known, said: dict[int, str], target_tpr: float) -> LiveFit | Refusal:
    verdicts = {pk: _is_out(known, pk, verdict) for pk, verdict in said.items()}
    in_digest = set(known.digest.judged.ids.tolist())
    lacking = [pk for pk, out in verdicts.items() if out is not None and pk not in in_digest]
    _read(version, known, [pk for pk in lacking if pk not in known.more.keys() | known.missing][-MOST_READ:])
    more = [known.more[pk] for pk in lacking if pk in known.more]
    found = refit(known.digest, verdicts, _joined(more, known.digest))
    if isinstance(found, Refusal):
        return found
    answer = _told(known.digest, found, target_tpr)
    return replace(answer, new=len(said), waiting=len([pk for pk in lacking if pk not in known.missing]) - len(more))


def _is_out(known: _Known, pk: int, verdict: str) -> bool | None:
    """None for what the regression doesn't learn from: no verdict or an unsure one, and IN on a held-out frame."""
    if verdict not in (Verdict.IN, Verdict.OUT) or (verdict == Verdict.IN and pk in known.heldout):
        return None
    return verdict == Verdict.OUT


def _read(version: ModelVersion, known: _Known, ids: list[int]) -> None:
    """Frames of a video that an audit keeps count as missing: nothing may learn from them."""
    if not ids:
        return
    wanted = Frame.objects.filter(pk__in=ids).exclude(video__in=audits.set_aside(version.dataset))
    frames = list(wanted.select_related("pack__video"))
    found = frame_features.activations(version, frames)
    rows = FrameScore.objects.filter(frame__in=ids).values_list("model_version_id", "frame_id", "ood_score")
    scores = {frame_id: score for version_id, frame_id, score in rows if version_id == version.pk}
    width = len(known.digest.calibration.basis.mean)
    for pk in scores.keys() & found.keys():
        if len(found[pk]) == width:
            alone = np.array([scores[pk]]), np.array([pk], np.int64), np.zeros(1, np.int64)
            known.more[pk] = reduced(known.digest.calibration.basis, found[pk][None], *alone)
    known.missing |= set(ids) - known.more.keys()


def _joined(parts: list[Reduced], digest: Digest) -> Reduced:
    whole = digest.judged.taken(np.zeros(0, np.int64))
    for part in parts:
        whole = whole.joined(part)
    return whole


def _told(digest: Digest, found: Refit, target_tpr: float) -> LiveFit:
    is_out = found.judged.group.astype(bool)
    threshold = _threshold(digest, found, target_tpr)
    above = None if threshold is None else _share(int((found.sample > threshold.value).sum()), digest)
    beyond = found.judged_probability > (np.inf if threshold is None else threshold.value)
    drawn = _bars(found.sample)
    shares = [_share(count, digest) for count in drawn]
    return LiveFit(
        in_reviews=int((~is_out).sum()),
        out_reviews=int(is_out.sum()),
        new=0,
        waiting=0,
        threshold=threshold,
        above=above,
        in_above=int((beyond & ~is_out).sum()),
        out_above=int((beyond & is_out).sum()),
        counts=[share.frames for share in shares],
        in_counts=_bars(found.judged_probability[~is_out]),
        out_counts=_bars(found.judged_probability[is_out]),
        bar_error=max(share.error for share in shares),
        sample=len(found.sample),
        frames=digest.frames,
    )


def _threshold(digest: Digest, found: Refit, target_tpr: float) -> Threshold | None:
    """By the rule of every threshold: the share of held-out frames that it accepts, with an interval over videos."""
    if not len(found.heldout):
        return None
    videos = group_by_video(found.heldout, digest.heldout.group.tolist())
    return threshold_at_tpr(videos, target_tpr, resamples=RESAMPLES)


def _bars(values: Values) -> list[int]:
    counts: list[int] = np.histogram(values, BARS, (0.0, 1.0))[0].tolist()
    return counts


def _share(count: int, digest: Digest) -> Share:
    """A sample without putting back: its error vanishes where it is everything (Cochran 1977, section 3.2)."""
    drawn, frames = len(digest.sample), digest.frames
    part = count / drawn if drawn else 0.0
    spread = np.sqrt(part * (1 - part) / max(drawn - 1, 1) * max(1 - drawn / max(frames, 1), 0.0))
    return Share(frames=round(part * frames), error=round(NORMAL * float(spread) * frames))
