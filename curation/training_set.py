"""The frames that a run learns from and is measured by, chosen, split by whole videos, and frozen as one object.

In distribution: frames of reference videos and frames with verdict IN, without those with verdict OUT. A run that
learns from both verdicts takes the frames with verdict OUT as well, each with its reason; any other run only measures
itself by them.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from curation.models import Dataset, Frame, ModelVersion, Pack, TrainingRun, Verdict
from curation.training_split import Videos, choose_heldout
from scoring.splits import tail_start

Judged = dict[int, dict[int, tuple[str, str]]]  # pack -> frame number -> verdict, reason


@dataclass
class FrozenSet:
    """Rows of packs by their place: `rows` are indexes into the pack's inputs. `reasons` counts the OUT frames that the
    run learns from, `measured_reasons` those that it is only measured by."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    frames: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    heldout: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    out_frames: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    reasons: Counter[str] = field(default_factory=Counter)
    measured_reasons: Counter[str] = field(default_factory=Counter)

    @property
    def train_frames(self) -> int:
        return sum(self.frames.values())

    @property
    def heldout_frames(self) -> int:
        return sum(self.heldout.values())

    @property
    def heldout_videos(self) -> set[int]:
        return set(self.heldout)

    def add(self, pack: Pack, rows: list[int], *, heldout: bool) -> None:
        if not rows:
            return
        self.entries.append({"key": pack.inputs_key, "video": pack.video_id, "rows": rows, "heldout": heldout})
        (self.heldout if heldout else self.frames)[pack.video_id] += len(rows)

    def add_out(self, pack: Pack, out: dict[int, str], *, heldout: bool) -> None:
        """`out`: row -> reason of the frames judged OUT."""
        if not out:
            return
        place = {"key": pack.inputs_key, "video": pack.video_id, "rows": list(out), "heldout": heldout}
        self.entries.append({**place, "out": True, "reasons": list(out.values())})
        (self.measured_reasons if heldout else self.reasons).update(out.values())
        if not heldout:
            self.out_frames[pack.video_id] += len(out)

    def to_bytes(self) -> bytes:
        """Deterministic, so that the same set has the same sha256."""
        return gzip.compress(json.dumps({"entries": self.entries}, separators=(",", ":")).encode(), mtime=0)


def freeze(
    dataset: Dataset,
    *,
    everything: bool = False,
    seed: int = 0,
    heldout_fraction: float = 0.2,
    start_from: ModelVersion | None = None,
    learns_out: bool = False,
) -> FrozenSet:
    """Choose the frames and hold out whole videos, none that `start_from` has learned from while there are others; with
    no video to spare, the last part of one video's frames."""
    chosen = _chosen(dataset, everything=everything)
    videos = Videos()
    for pack, inside, out in chosen:
        videos.add(pack.video_id, len(inside), out.values() if learns_out else ())
    seen = learned_from(start_from) if start_from else set()
    heldout = choose_heldout(videos, fraction=heldout_fraction, seed=seed, seen=seen)
    tail = None if heldout & set(videos.inside) else videos.largest()
    frozen = FrozenSet()
    for pack, inside, out in chosen:
        is_heldout = pack.video_id in heldout
        if pack.video_id != tail:
            frozen.add(pack, inside, heldout=is_heldout)
        frozen.add_out(pack, out, heldout=is_heldout or not learns_out)
    if tail is not None:
        _split_one_video(
            frozen, [(pack, inside) for pack, inside, _ in chosen if pack.video_id == tail], heldout_fraction
        )
    return frozen


def learned_from(version: ModelVersion) -> set[int]:
    """Ids of the videos whose frames the version, or one that it goes on from, was trained on."""
    return set(version.metrics.get("trained_videos", []))


def read_entries(data: bytes) -> list[dict[str, Any]]:
    """The entries of a frozen set, as `FrozenSet.to_bytes` wrote them."""
    entries: list[dict[str, Any]] = json.loads(gzip.decompress(data))["entries"]
    return entries


def trained_videos(entries: Iterable[dict[str, Any]]) -> set[int]:
    """Ids of the videos with a frame, of either verdict, that the run of these entries learns from."""
    return {entry["video"] for entry in entries if not entry["heldout"]}


def is_on_both_verdicts(run: TrainingRun) -> bool:
    return run.out_frames > 0


def _split_one_video(frozen: FrozenSet, chosen: list[tuple[Pack, list[int]]], fraction: float) -> None:
    left = tail_start(sum(len(rows) for _, rows in chosen), fraction)
    for pack, rows in chosen:
        frozen.add(pack, rows[:left], heldout=False)
        frozen.add(pack, rows[left:], heldout=True)
        left = max(0, left - len(rows))


def _chosen(dataset: Dataset, *, everything: bool) -> list[tuple[Pack, list[int], dict[int, str]]]:
    """Per complete pack, the rows in distribution, in order, and row -> reason of those OUT. Costs one database row per
    pack and one per judged frame, not per frame."""
    judged = Frame.objects.filter(video__dataset=dataset, verdict__in=[Verdict.IN, Verdict.OUT]).order_by("number")
    verdicts: Judged = defaultdict(dict)
    for pack_id, number, verdict, reason in judged.values_list("pack_id", "number", "verdict", "reason"):
        verdicts[pack_id][number] = verdict, reason
    packs = Pack.objects.filter(video__dataset=dataset, is_complete=True).select_related("video")
    return [
        (
            pack,
            _inside(pack, verdicts[pack.pk], take_all=everything or pack.video.is_reference),
            _out(pack, verdicts[pack.pk]),
        )
        for pack in packs.order_by("video_id", "chunk")
    ]


def _inside(pack: Pack, judged: dict[int, tuple[str, str]], *, take_all: bool) -> list[int]:
    first = pack.first_number
    if not take_all:
        return [number - first for number, (verdict, _) in judged.items() if verdict == Verdict.IN]
    out = {number - first for number, (verdict, _) in judged.items() if verdict == Verdict.OUT}
    return [row for row in range(pack.frame_count) if row not in out]


def _out(pack: Pack, judged: dict[int, tuple[str, str]]) -> dict[int, str]:
    return {n - pack.first_number: reason for n, (verdict, reason) in judged.items() if verdict == Verdict.OUT}
