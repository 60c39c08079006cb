"""Writing frames and their scores as workers do, with every index in place: rows a second by ours and by bulk_create.

On SQLite and on PostgreSQL. Then, on PostgreSQL, what holds it back: without the references, without the indexes.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from bench.instance import DATABASES, running
from bench.report import figure
from bench.turns import Run, busy, in_turns, tell_rates, timed

if TYPE_CHECKING:
    from curation.models import ModelVersion, Pack

BENCH = "rows"
BASE = "bulk_create"
SLUG = "rows"
PACK = 256
GALLERY = "score_by_loss"
NUMBERS = (123.25, 45.5, 3.75, 99.5, 12.5)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench rows", description=__doc__)
    parser.add_argument("--rows", type=int, default=51_200, help="rows per turn")
    parser.add_argument("--there", type=int, default=200_000, help="frames with scores that are there before")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", choices=[*DATABASES, "both"], default="both")
    args = parser.parse_args(arguments)
    for database in DATABASES if args.database == "both" else [args.database]:
        with running(database, None) as instance:
            size = "--frames", str(args.there), "--videos", str(max(1, args.there // 1000))
            instance.manage("fill", *size, "--dataset", SLUG)
            print(instance.python(f"from bench.rows import measure; measure({args.rows}, {args.rounds})"), end="")
    return 0


def measure(rows: int, rounds: int) -> None:
    """On the database of this process."""
    from django.db import connection

    from curation.models import FrameScore, Pack

    packs, there = list(Pack.objects.order_by("pk")), FrameScore.objects.count()
    packs = packs[: max(1, rows * len(packs) // there)]
    case = f"{connection.vendor}, {there:,} there before"
    ways: dict[str, Callable[[], Run]] = {
        "ours": partial(_scores, packs, ours=True),
        BASE: partial(_scores, packs, ours=False),
    }
    tell_rates(BENCH, f"{case}, scores", in_turns(ways, rounds), BASE, "rows")
    ways = {"ours": partial(_frames, rows, ours=True), BASE: partial(_frames, rows, ours=False)}
    tell_rates(BENCH, f"{case}, frames", in_turns(ways, rounds), BASE, "rows")
    if connection.vendor == "postgresql":
        _held_back(f"{case}, scores", packs)


FRESH = count(1000)


def _version() -> ModelVersion:
    from django.forms.models import model_to_dict

    from curation.models import Dataset, ModelVersion

    dataset = Dataset.objects.get(slug=SLUG)
    like = dataset.model_versions.order_by("number")[0]
    fields = model_to_dict(like, exclude=["id", "dataset", "parent", "number", "uuid"])
    return ModelVersion.objects.create(dataset=dataset, number=next(FRESH), **fields)


def _scores(packs: list[Pack], *, ours: bool, within: Callable[[], Any] | None = None) -> Run:
    """Scores of these packs by a new version, in the transactions of a worker."""
    from django.db import transaction

    version = _version()
    frames = {pack.pk: list(pack.frames.order_by("number").values_list("pk", flat=True)) for pack in packs}

    def work() -> int:
        done = 0
        for pack in packs:
            for some in _some(frames[pack.pk]):
                with transaction.atomic():
                    (within or (lambda: None))()
                    (_insert if ours else _create)(version, pack, some)
                done += len(some)
        return done

    return timed(work)


def _some(rows: list[Any]) -> list[list[Any]]:
    from curation.bulk import rows_per_transaction

    step = rows_per_transaction(len(rows))
    return [rows[start : start + step] for start in range(0, len(rows), step)]


def _insert(version: ModelVersion, pack: Pack, frames: list[int]) -> None:
    from curation import bulk
    from curation.models import FrameScore
    from scoring.worker.score import COLUMNS

    rows = ((pk, version.pk, pack.video_id, NUMBERS[0] + pk % 977, *NUMBERS[1:], "", False) for pk in frames)
    bulk.insert(FrameScore, COLUMNS, rows)


def _create(version: ModelVersion, pack: Pack, frames: list[int]) -> None:
    from curation.models import FrameScore
    from scoring.worker.score import MEASURES

    FrameScore.objects.bulk_create(
        FrameScore(
            frame_id=pk,
            model_version=version,
            video_id=pack.video_id,
            **dict(zip(MEASURES, (NUMBERS[0] + pk % 977, *NUMBERS[1:]), strict=True)),
        )
        for pk in frames
    )


def _frames(rows: int, *, ours: bool) -> Run:
    """The frames of a new video, in the transactions of a worker."""
    from django.db import transaction

    from curation.models import Dataset, Frame, Pack, Video
    from scoring.worker import extract

    video = Video.objects.create(
        dataset=Dataset.objects.get(slug=SLUG), name="new.mp4", key=f"new-{next(FRESH)}", size_bytes=1
    )

    def work() -> int:
        for chunk in range(rows // PACK):
            pack = Pack.objects.create(
                video=video, chunk=chunk, first_number=chunk * PACK, frame_count=PACK, thumbs_bytes=1, inputs_bytes=1
            )
            numbers = range(chunk * PACK, (chunk + 1) * PACK)
            made = [Frame(video=video, pack=pack, number=n, time_s=n, thumb_offset=0, thumb_bytes=1) for n in numbers]
            for some in _some(made):
                with transaction.atomic():
                    extract.write_rows(some) if ours else Frame.objects.bulk_create(some)
        return rows // PACK * PACK

    return timed(work)


def _held_back(case: str, packs: list[Pack]) -> None:
    """Rows a second when references aren't checked, and when there is no index beside the key as well."""
    from django.db import connection, transaction

    from curation.models import FrameScore

    def trusting() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")

    def rate(run: Run) -> float:
        return run.done / run.wall_s

    found = {
        "references not checked": statistics.median(rate(_scores(packs, ours=True, within=trusting)) for _ in range(2))
    }
    with transaction.atomic():
        _drop([index.name for index in FrameScore._meta.indexes if index.name != GALLERY])
        found["nor the declared indexes but the gallery's own, one transaction"] = rate(
            _scores(packs, ours=True, within=trusting)
        )
        _drop([GALLERY])
        found["nor that one"] = rate(_scores(packs, ours=True, within=trusting))
        transaction.set_rollback(True)
    for name, value in found.items():
        figure(BENCH, case, name, round(value), "rows/s", **busy())


def _drop(indexes: list[str]) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for name in indexes:
            cursor.execute(f"DROP INDEX {connection.ops.quote_name(name)}")
