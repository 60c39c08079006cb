"""Scoring: packs -> model -> score rows. The same body scores one video's new packs and a whole data set anew."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import QuerySet, Sum

from curation import rescoring, storage, videos
from curation.leases import Lease
from curation.models import Frame, FrameScore, ModelVersion, Pack, ScoredPack, Video
from scoring.packs import read_inputs
from scoring.score import Scores
from scoring.worker.extract import ROWS_PER_TRANSACTION
from scoring.worker.weights import scorer_for


def run(lease: Lease, version: ModelVersion, *, video: Video | None = None) -> None:
    """Score every complete pack that this version has not scored yet; packs that arrive meanwhile included."""
    todo = unscored(version, video)
    done, total = 0, _frames(todo)
    for pack in _next_packs(todo):
        lease.check()
        score_pack(lease, version, pack)
        done += pack.frame_count
        total = max(total, done)
        lease.progress(done / total, f"{done:,} of {total:,} frames scored")
    if video is not None:
        videos.settle(video.pk)
    else:
        rescoring.finish(version)


def unscored(version: ModelVersion, video: Video | None) -> QuerySet[Pack]:
    packs = Pack.objects.filter(video__dataset_id=version.dataset_id, is_complete=True)
    if video is not None:
        packs = packs.filter(video=video)
    return packs.exclude(scored__model_version=version).select_related("video").order_by("video_id", "chunk")


def _frames(packs: QuerySet[Pack]) -> int:
    return int(packs.aggregate(total=Sum("frame_count"))["total"] or 0)


def _next_packs(todo: QuerySet[Pack]) -> Iterator[Pack]:
    while batch := list(todo.all()[:64]):
        yield from batch


def score_pack(lease: Lease, version: ModelVersion, pack: Pack) -> None:
    """Score one pack; its mark is written with its last rows, so a killed scoring goes on where it stopped."""
    inputs = read_inputs(storage.read(pack.inputs_key))
    scores = scorer_for(version).score_inputs(inputs)
    starts = range(0, len(inputs.number), ROWS_PER_TRANSACTION)
    for start in starts:
        rows = range(start, min(start + ROWS_PER_TRANSACTION, len(inputs.number)))
        with lease.transaction():
            if not Pack.objects.select_for_update().filter(pk=pack.pk, revision=pack.revision).exists():
                return  # it was extracted anew meanwhile; these are scores of its old inputs
            _store_scores(version, pack, rows, scores)
            if start == starts[-1]:
                ScoredPack.objects.get_or_create(pack=pack, model_version=version)


def _store_scores(version: ModelVersion, pack: Pack, rows: range, scores: Scores) -> None:
    """Locks the frames first: a verdict that is being given must not miss the copy beside the score."""
    first, last = pack.first_number + rows.start, pack.first_number + rows.stop - 1
    frames = Frame.objects.select_for_update().filter(video_id=pack.video_id, number__range=(first, last))
    verdicts = {number: (pk, verdict) for pk, number, verdict in frames.values_list("pk", "number", "verdict")}
    FrameScore.objects.bulk_create(
        [
            FrameScore(
                frame_id=verdicts[pack.first_number + row][0],
                model_version=version,
                video_id=pack.video_id,
                reconstruction_loss=float(scores.reconstruction_loss[row]),
                kl=float(scores.kl[row]),
                ood_score=float(scores.ood_score[row]),
                verdict=verdicts[pack.first_number + row][1],
            )
            for row in rows
        ],
        ignore_conflicts=True,
    )
