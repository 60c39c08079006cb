"""Scoring: packs -> model -> score rows. The same body scores one video's new packs and a whole data set anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial

from django.db.models import F, QuerySet, Sum

from curation import bulk, probability_rows, rescoring, segments, storage, tally_changes, videos
from curation.leases import Lease
from curation.models import Frame, FrameProbability, FrameScore, ModelVersion, Pack, ScoredPack, Video
from scoring.features import features_to_bytes
from scoring.packs import Inputs, read_inputs
from scoring.recalibrate import Calibration
from scoring.score import Scorer, Scores
from scoring.threads import in_threads
from scoring.worker.weights import scorer_for

PACKS_AT_ONCE, FETCHED_AHEAD, SCORED_AHEAD = 64, 2, 1
MEASURES = ("reconstruction_loss", "kl", "ood_score", "l1", "variance")
Scored = tuple[Inputs, Scores]
COLUMNS = ("frame_id", "model_version_id", "video_id", *MEASURES, "verdict", "is_copy")


def run(lease: Lease, version: ModelVersion, *, video: Video | None = None) -> None:
    """Score every complete pack that this version has not scored yet; packs that arrive meanwhile included."""
    tally_changes.ensure(version.dataset_id, version.pk)
    todo = unscored(version, video)
    done, total = 0, _frames(todo)
    for pack, scored in _in_turn(version, todo):
        lease.check()
        store_pack(lease, version, pack, scored)
        done += pack.frame_count
        total = max(total, done)
        lease.progress(done / total, f"{done:,} of {total:,} frames scored")
    if video is not None:
        videos.settle(video.pk)
        with lease.transaction():
            segments.rebuild(video=video)
    else:
        rescoring.finish(version)


def unscored(version: ModelVersion, video: Video | None) -> QuerySet[Pack]:
    packs = Pack.objects.filter(video__dataset_id=version.dataset_id, is_complete=True)
    if video is not None:
        packs = packs.filter(video=video)
    return packs.exclude(scored__model_version=version).select_related("video").order_by("video_id", "chunk")


def _frames(packs: QuerySet[Pack]) -> int:
    return int(packs.aggregate(total=Sum("frame_count"))["total"] or 0)


def _in_turn(version: ModelVersion, todo: QuerySet[Pack]) -> Iterator[tuple[Pack, Scored]]:
    """Packs with their scores. While what one says is being written, the next one is scored and those after it are
    fetched: each waits for something else, a processor, a GPU, the store or the database."""
    while batch := list(todo.all()[:PACKS_AT_ONCE]):
        keys, score = [pack.inputs_key for pack in batch], partial(_score, scorer_for(version))
        with (
            closing(in_threads(keys, _fetch, FETCHED_AHEAD, threads=1)) as fetched,
            closing(in_threads(fetched, score, SCORED_AHEAD, threads=1)) as scored,
        ):
            yield from zip(batch, scored, strict=True)


def _fetch(key: str) -> Inputs:
    return read_inputs(storage.read(key))


def _score(scorer: Scorer, inputs: Inputs) -> Scored:
    return inputs, scorer.score_inputs(inputs)


def store_pack(lease: Lease, version: ModelVersion, pack: Pack, scored: Scored) -> None:
    """Write one pack's scores; its mark is written with its last rows, so a killed scoring goes on where it stopped."""
    inputs, scores = scored
    _keep_features(version, pack, inputs, scores)
    step = bulk.rows_per_transaction(len(inputs.number))
    starts = range(0, len(inputs.number), step)
    for start in starts:
        rows = range(start, min(start + step, len(inputs.number)))
        with lease.transaction():
            if not Pack.objects.select_for_update().filter(pk=pack.pk, revision=pack.revision).exists():
                return  # it was extracted anew meanwhile; these are scores of its old inputs
            _store_scores(version, pack, rows, scores)
            if start == starts[-1]:
                ScoredPack.objects.get_or_create(pack=pack, model_version=version)


def _keep_features(version: ModelVersion, pack: Pack, inputs: Inputs, scores: Scores) -> None:
    """Store what calibration will read."""
    if scores.activations is not None:
        storage.write(pack.features_key(version), features_to_bytes(scores.activations, inputs.number))


def _store_scores(version: ModelVersion, pack: Pack, rows: range, scores: Scores) -> None:
    """Locks the frames first: a verdict that is being given must not miss the copy beside the score."""
    numbers = pack.first_number + rows.start, pack.first_number + rows.stop - 1
    frames = Frame.objects.select_for_update().filter(video_id=pack.video_id, number__range=numbers)
    known = list(frames.values_list("number", "pk", "verdict", "copy_of"))
    written = _written(version, [pk for _, pk, _, _ in known])
    found = {name: getattr(scores, name).tolist() for name in MEASURES}
    fresh, places = [], []
    for number, pk, verdict, copy_of in known:
        if pk not in written:
            row = number - pack.first_number
            measured = (found[name][row] for name in MEASURES)
            fresh.append((pk, version.pk, pack.video_id, *measured, verdict, copy_of is not None))
            places.append(row)
    tally_changes.scores_stored(version, [(row[-2], row[3], row[5]) for row in fresh])
    bulk.insert(FrameScore, COLUMNS, fresh)
    _store_probabilities(version, scores, places, [(row[0], *row[-2:]) for row in fresh])


def _written(version: ModelVersion, frames: list[int]) -> set[int]:
    """Which of the frames of a pack this version has scored. Asked for by their range, as they lie together: a list of
    256 takes Django longer than all the rest. The sum keeps SQLite from reading all scores of the version."""
    of_version = FrameScore.objects.alias(version=F("model_version") + 0).filter(version=version.pk)
    there = of_version.filter(frame__gte=min(frames, default=0), frame__lte=max(frames, default=0))
    return set(there.values_list("frame_id", flat=True))


def _store_probabilities(
    version: ModelVersion, scores: Scores, places: list[int], frames: list[tuple[int, str, bool]]
) -> None:
    """By the fit that stands, if one does; `places` of the frames (id, verdict, is copy) among the scores. Should
    another fit come to stand, it waits for this transaction, and then sees to these frames."""
    rows = version.calibrations.standing().select_for_update(no_key=True, of=("self",))
    fit = rows.select_related("model_version").first()
    if fit is None or scores.activations is None or not places:
        return
    known = Calibration.from_json(fit.parameters)
    values = known.probability(scores.activations[places], scores.ood_score[places]).tolist()
    tally_changes.probabilities_stored(fit, [(said, value) for value, (_, said, _) in zip(values, frames, strict=True)])
    found = [(pk, fit.pk, value, *words) for value, (pk, *words) in zip(values, frames, strict=True)]
    bulk.insert(FrameProbability, probability_rows.COLUMNS, found)
