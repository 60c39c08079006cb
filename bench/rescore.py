"""Rescoring a data set with a new version, object store and database included, beside scoring the same frames alone.

On a whole instance whose store and database are its own (SQLite, or PostgreSQL).
"""

from __future__ import annotations

import argparse
import statistics
from functools import partial
from itertools import count

from bench.instance import DATABASES, running
from bench.models import detector, frames
from bench.report import figure
from bench.turns import Run, busy, compared, in_turns, timed

BENCH = "rescore"
SLUG = "rescore"
PACK = 256
FRESH = count(1)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench rescore", description=__doc__)
    parser.add_argument("--packs", type=int, default=24, help=f"of {PACK} frames")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", choices=[*DATABASES, "both"], default="both")
    args = parser.parse_args(arguments)
    for database in DATABASES if args.database == "both" else [args.database]:
        with running(database, None) as instance:
            code = f"from bench.rescore import measure; measure({database!r}, {args.packs}, {args.rounds})"
            print(instance.python(code), end="")
    return 0


def measure(database: str, packs: int, rounds: int) -> None:
    """On the instance of this process."""
    from scoring.score import Scorer

    pixels = frames(PACK)
    _make(packs)
    scorer = Scorer(detector())
    alone = partial(timed, lambda: sum(len(scorer.score(pixels)) for _ in range(packs)))
    runs = in_turns({"rescoring": _rescore, "scoring alone": alone}, rounds + 1)
    runs = {way: found[1:] for way, found in runs.items()}  # the first one loads the model
    case = f"{database}, {packs} packs of {PACK}"
    for kind in ("wall_s", "cpu_s"):
        rates = {way: [run.done / getattr(run, kind) for run in found] for way, found in runs.items()}
        beside = compared(rates["rescoring"], rates["scoring alone"], "scoring alone")
        name = "rescoring" if kind == "wall_s" else "rescoring, by CPU"
        figure(BENCH, case, name, round(statistics.median(rates["rescoring"])), "frames/s", **busy(), **beside)


def _make(packs: int) -> None:
    """A data set of one video with real inputs, and the weights of a model."""
    import numpy as np

    from curation import storage
    from curation.models import Dataset, Frame, Pack, Video
    from scoring.frames import SampledFrame
    from scoring.packs import PackWriter, chunk_range
    from scoring.preprocessing import Preprocessing

    dataset = Dataset.objects.create(name=SLUG, slug=SLUG)
    video = Video.objects.create(dataset=dataset, name="a.mp4", key="uploads/rescore", size_bytes=1, state="ready")
    pixels = frames(PACK)
    for chunk in range(2, packs + 2):
        writer = PackWriter(chunk, Preprocessing())
        for number, picture in zip(chunk_range(chunk), np.asarray(pixels), strict=True):
            writer.add(SampledFrame(number, float(number), False, b"", picture))
        first = chunk_range(chunk).start
        pack = Pack.objects.create(
            video=video, chunk=chunk, first_number=first, frame_count=PACK, thumbs_bytes=1, inputs_bytes=1,
            is_complete=True,
        )  # fmt: skip
        storage.write(pack.inputs_key, writer.inputs())
        Frame.objects.bulk_create(
            Frame(video=video, pack=pack, number=n, time_s=n, thumb_offset=0, thumb_bytes=1) for n in chunk_range(chunk)
        )


def _rescore() -> Run:
    """By a version of its own, which nobody has scored with."""
    from curation import leases, storage
    from curation.models import Dataset, FrameScore, Job, ModelVersion
    from scoring.detector import save_detector
    from scoring.model_file import sha256, tensor_table
    from scoring.worker import score
    from scoring.worker.weights import scorer_for

    weights = save_detector(detector())
    dataset, number = Dataset.objects.get(slug=SLUG), next(FRESH)
    version = ModelVersion.objects.create(
        dataset=dataset, number=number, config={}, tensors=tensor_table(weights), thresholds={}, target_tpr=0.95,
        weights_key=f"models/bench-{number}.safetensors", weights_sha256=sha256(weights), weights_bytes=len(weights),
        heldout_frames=1, heldout_videos=1,
    )  # fmt: skip
    storage.write(version.weights_key, weights)
    scorer_for(version)
    job = Job.objects.create(kind=Job.Kind.RESCORE, dataset=dataset, model_version=version)  # no hint: it is ours

    def work() -> int:
        with leases.work(job.pk) as lease:
            assert lease is not None
            score.run(lease, version)
        return FrameScore.objects.of_version(version).count()

    return timed(work)
