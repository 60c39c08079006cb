"""Finding the segments of a data set: every finished video whose segments are by another rule than the one of now, then
an order of the open ones in which each is as unlike those before it as can be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from django.db import connection

from curation import segments, storage
from curation.leases import Lease
from curation.models import Dataset, ModelVersion, Pack, Segment, Video
from curation.segments import Rule
from scoring.errors import ModelError
from scoring.features import Activations, features_from_bytes
from scoring.packs import chunk_of
from scoring.selection import in_turn, unlike_order
from scoring.worker.shots import ROWS_PER_TRANSACTION, catch_up

FINDING = 0.9  # share of the work
MOST_COMPARED, MOST_UNLIKE = 2048, 512  # segments whose features are read, and that are put in order by them

Candidate = tuple[int, int, int, int]  # id, video, number of its worst frame, rank so far


def run(lease: Lease, dataset: Dataset) -> None:
    """Find the segments video by video, each in a transaction of its own; one that is done is not done again, so a
    killed run goes on where it stopped."""
    rule = segments.rule_of(Dataset.objects.select_related("active_version").get(pk=dataset.pk))
    if rule is None:
        return
    todo = list(segments.stale_videos(dataset, rule).order_by("pk").values_list("pk", flat=True))
    found = sum(_find(lease, pk, f"{done:,} of {len(todo):,} videos", done / len(todo)) for done, pk in enumerate(todo))
    if todo:
        lease.log(f"{found:,} segments found in {len(todo):,} videos.")
    _rank(lease, dataset, rule)


def _find(lease: Lease, video_id: int, note: str, share: float) -> int:
    lease.progress(FINDING * share, note)
    video = Video.objects.filter(pk=video_id).first()
    if video is None:
        return 0
    catch_up(lease, video)
    with lease.transaction():
        return segments.rebuild(video=video)


def _rank(lease: Lease, dataset: Dataset, rule: Rule) -> None:
    """Greedy k-centre (T. Gonzalez, 1985) over what the encoder saw in the worst frames of outlying segments; the rest,
    and all where no features were kept, in rounds over the videos, each from the worst segment on."""
    rows = Segment.objects.filter(dataset=dataset).open().on_side(is_outlier=True).order_by("-worst", "id")
    candidates = list(rows.values_list("pk", "video_id", "worst_number", "diversity"))
    order = _unlike(lease, dataset, rule.version, candidates)
    taken = set(order)
    order += [place for place in in_turn([video for _, video, _, _ in candidates]) if place not in taken]
    ranks = [(rank, candidates[place][0]) for rank, place in enumerate(order) if candidates[place][3] != rank]
    _write_ranks(lease, ranks)


def _write_ranks(lease: Lease, ranks: list[tuple[int, int]]) -> None:
    table = connection.ops.quote_name(Segment._meta.db_table)
    for start in range(0, len(ranks), ROWS_PER_TRANSACTION):
        with lease.transaction(), connection.cursor() as cursor:
            few = ranks[start : start + ROWS_PER_TRANSACTION]
            cursor.executemany(f"UPDATE {table} SET diversity = %s WHERE id = %s", few)  # noqa: S608  (a constant)


def _unlike(lease: Lease, dataset: Dataset, version: ModelVersion, candidates: list[Candidate]) -> list[int]:
    """Places of candidates, each as unlike those before it as can be; of very many, some of each score are compared."""
    count = min(len(candidates), MOST_COMPARED)
    places = np.linspace(0, len(candidates) - 1, count).round().astype(int).tolist()
    try:
        features = _features(lease, dataset, version, [candidates[place] for place in places])
    except (storage.MissingObject, ModelError, KeyError, IndexError):
        return []
    return [places[index] for index in unlike_order(features, MOST_UNLIKE)] if len(features) else []


def _features(lease: Lease, dataset: Dataset, version: ModelVersion, some: list[Candidate]) -> Activations:
    """(M, D) in the order given. Raises MissingObject where a pack was scored before features were kept."""
    wanted: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for index, (_, video, number, _) in enumerate(some):
        wanted[video, chunk_of(number)].append((index, number))
    packs = _packs(dataset, {video for video, _ in wanted})
    rows: list[tuple[int, Activations]] = []
    for done, (place, frames) in enumerate(wanted.items()):
        lease.progress(FINDING + (1 - FINDING) * done / len(wanted), "comparing the outlying segments")
        pack = packs[place]
        features, _ = features_from_bytes(storage.read(pack.features_key(version)))
        rows += [(index, features[number - pack.first_number]) for index, number in frames]
    return np.array([row for _, row in sorted(rows, key=lambda pair: pair[0])], np.float16)


def _packs(dataset: Dataset, video_ids: Iterable[int]) -> dict[tuple[int, int], Pack]:
    videos = dataset.videos.in_bulk(list(video_ids))
    found = {}
    for pack in Pack.objects.filter(video__in=list(videos)):
        pack.video = videos[pack.video_id]
        found[pack.video_id, pack.chunk] = pack
    return found
