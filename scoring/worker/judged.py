"""Features of the frames that calibration learns from and measures itself by, gathered from their packs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from django.db.models import QuerySet
from numpy.typing import NDArray

from curation import audits, storage, training
from curation.leases import Lease
from curation.models import Frame, ModelVersion, Pack, TrainingRun, Verdict
from scoring.features import Activations, features_from_bytes
from scoring.threads import in_threads
from scoring.worker.ahead import Rows, with_rows

AHEAD = 16  # packs that are read meanwhile
MOST_JUDGED = 10_000  # of each verdict; more teach little and have to fit into memory

HeldOut = dict[int, set[int]]  # pack -> rows
Said = dict[int, dict[int, bool]]  # pack -> frame number -> whether it is OUT


class MissingFeatures(Exception):
    """A pack was scored before features were kept."""


@dataclass(frozen=True)
class Judged:
    """Reviewed frames: activations (M, D), outlier scores (M,), whether the verdict was OUT (M,), ids (M,)."""

    activations: Activations
    scores: NDArray[np.float64]
    is_out: NDArray[np.bool_]
    ids: NDArray[np.int64]


def heldout_rows(version: ModelVersion) -> HeldOut:
    """Rows by pack that were known to belong and kept from the training: the threshold is measured on them."""
    run = TrainingRun.objects.filter(version=version).first()
    if run is None:
        return {}
    packs = Pack.objects.filter(video__dataset_id=version.dataset_id).select_related("video")
    by_key = {pack.inputs_key: pack.pk for pack in packs}
    entries = [e for e in training.read_set(run) if e["heldout"] and not e.get("out") and e["key"] in by_key]
    return {by_key[each["key"]]: set(each["rows"]) for each in entries}


def judged_frames(lease: Lease, version: ModelVersion, heldout: HeldOut, share: float) -> Judged:
    """Frames with a verdict, but none IN that was held out: those have to be new to the regression. `share`: of the
    work that this is."""
    said = _verdicts(version)
    packs = scored_packs(version).filter(pk__in=list(said))
    activations, scores = [np.zeros((0, 0), np.float16)], [np.zeros(0)]
    is_out, ids = list[bool](), list[int]()

    def read(each: tuple[Pack, Rows]) -> tuple[Pack, Rows, list[int], Activations]:
        pack, known = each
        words, kept = said[pack.pk], heldout.get(pack.pk, set())
        rows = [n - pack.first_number for n, out in sorted(words.items()) if out or n - pack.first_number not in kept]
        return pack, known, rows, activations_of(version, pack)[rows]

    for done, (pack, known, rows, found) in enumerate(in_threads(with_rows(version, packs), read, AHEAD)):
        lease.progress(share * done / len(packs), "reading what was reviewed")
        words = said[pack.pk]
        activations.append(found)
        scores.append(np.array([known[row][1] for row in rows]))
        is_out += [words[row + pack.first_number] for row in rows]
        ids += [known[row][0] for row in rows]
    return Judged(
        np.concatenate(activations[1:] or activations),
        np.concatenate(scores),
        np.array(is_out, dtype=bool),
        np.array(ids, dtype=np.int64),
    )


def _verdicts(version: ModelVersion) -> Said:
    """Where there are very many of one kind, an even share of them. None of a video that an audit keeps: what measures
    scores must not teach them."""
    said: Said = defaultdict(dict)
    aside = audits.set_aside(version.dataset)
    for verdict in (Verdict.IN, Verdict.OUT):
        frames = Frame.objects.filter(video__dataset_id=version.dataset_id, verdict=verdict).order_by("pk")
        frames = frames.exclude(video__in=aside)
        places = list(frames.values_list("pack_id", "number"))
        kept = np.unique(np.linspace(0, max(len(places) - 1, 0), min(len(places), MOST_JUDGED)).astype(int))
        for place in kept.tolist():
            pack_id, number = places[place]
            said[pack_id][number] = verdict == Verdict.OUT
    return said


def scored_packs(version: ModelVersion) -> QuerySet[Pack]:
    packs = Pack.objects.filter(scored__model_version=version).select_related("video")
    return packs.order_by("video_id", "chunk")


def activations_of(version: ModelVersion, pack: Pack) -> Activations:
    """One row per frame of the pack. Raises MissingFeatures."""
    try:
        return features_from_bytes(storage.read(pack.features_key(version)))[0]
    except storage.MissingObject:
        raise MissingFeatures from None
