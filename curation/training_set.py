"""The frames that a run learns from and is measured by, chosen, split by whole videos, and frozen as one object.

In distribution: frames of reference videos and frames with verdict IN, without those with verdict OUT. A run that
learns from both verdicts takes the frames with verdict OUT as well, each with its reason; any other run only measures
itself by them. Videos of an audit that serves are left out whole: near copies of its frames stand all around them.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from curation import audits
from curation.models import Dataset, Frame, ModelVersion, Pack, Verdict
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

    @property
    def videos(self) -> set[int]:
        """All that any frame is from, those that only measure included."""
        return {entry["video"] for entry in self.entries}

    def add(self, pack: Pack, rows: list[int], *, heldout: bool, is_whole: bool) -> None:
        """`is_whole`: the rows are all that the pack has, not those that somebody was asked about."""
        if not rows:
            return
        place = {"key": pack.inputs_key, "video": pack.video_id, "rows": rows, "heldout": heldout}
        self.entries.append({**place, "whole": is_whole})
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


@dataclass(frozen=True)
class _Chosen:
    """What is taken of a pack: rows in distribution, in order, and row -> reason of those OUT."""

    pack: Pack
    inside: list[int]
    out: dict[int, str]
    is_whole: bool


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
    for each in chosen:
        reasons = each.out.values() if learns_out else ()
        videos.add(each.pack.video_id, len(each.inside), reasons, is_whole=each.is_whole)
    seen = learned_from(start_from) if start_from else set()
    heldout = choose_heldout(videos, fraction=heldout_fraction, seed=seed, seen=seen)
    frozen = FrozenSet()
    tail = None if heldout & set(videos.inside) else videos.largest()
    for each in chosen:
        is_heldout = each.pack.video_id in heldout
        is_of_use = each.is_whole or not is_heldout or not heldout & videos.whole
        if each.pack.video_id != tail and is_of_use:
            frozen.add(each.pack, each.inside, heldout=is_heldout, is_whole=each.is_whole)
        frozen.add_out(each.pack, each.out, heldout=is_heldout or not learns_out)
    _split_one_video(frozen, [each for each in chosen if each.pack.video_id == tail], heldout_fraction)
    return frozen


def learned_from(version: ModelVersion) -> set[int]:
    """Ids of the videos whose frames the version, or one that it goes on from, was trained on."""
    return set(version.metrics.get("trained_videos", []))


def read_entries(data: bytes) -> list[dict[str, Any]]:
    """The entries of a frozen set, as `FrozenSet.to_bytes` wrote them."""
    entries: list[dict[str, Any]] = json.loads(gzip.decompress(data))["entries"]
    return entries


def _split_one_video(frozen: FrozenSet, chosen: list[_Chosen], fraction: float) -> None:
    left = tail_start(sum(len(each.inside) for each in chosen), fraction)
    for each in chosen:
        frozen.add(each.pack, each.inside[:left], heldout=False, is_whole=each.is_whole)
        frozen.add(each.pack, each.inside[left:], heldout=True, is_whole=each.is_whole)
        left = max(0, left - len(each.inside))


def _chosen(dataset: Dataset, *, everything: bool) -> list[_Chosen]:
    """Per complete pack. Costs one database row per pack and one per judged frame, not per frame."""
    judged = Frame.objects.filter(video__dataset=dataset, verdict__in=[Verdict.IN, Verdict.OUT]).order_by("number")
    verdicts: Judged = defaultdict(dict)
    for pack_id, number, verdict, reason in judged.values_list("pack_id", "number", "verdict", "reason"):
        verdicts[pack_id][number] = verdict, reason
    packs = Pack.objects.filter(video__dataset=dataset, is_complete=True).select_related("video")
    packs = packs.exclude(video__in=audits.set_aside(dataset))
    return [
        _choose(pack, verdicts[pack.pk], is_whole=everything or pack.video.is_reference)
        for pack in packs.order_by("video_id", "chunk")
    ]


def _choose(pack: Pack, judged: dict[int, tuple[str, str]], *, is_whole: bool) -> _Chosen:
    return _Chosen(pack, _inside(pack, judged, take_all=is_whole), _out(pack, judged), is_whole)


def _inside(pack: Pack, judged: dict[int, tuple[str, str]], *, take_all: bool) -> list[int]:
    first = pack.first_number
    if not take_all:
        return [number - first for number, (verdict, _) in judged.items() if verdict == Verdict.IN]
    out = {number - first for number, (verdict, _) in judged.items() if verdict == Verdict.OUT}
    return [row for row in range(pack.frame_count) if row not in out]


def _out(pack: Pack, judged: dict[int, tuple[str, str]]) -> dict[int, str]:
    return {n - pack.first_number: reason for n, (verdict, reason) in judged.items() if verdict == Verdict.OUT}
