"""Learning from verdicts: the refit at each click at a million frames, the job that writes every probability anew,
the fit.

The first two on SQLite and on PostgreSQL, each behind a whole instance with its web server and workers, over HTTP;
fills a data set first (minutes, and 3 GB of features per database). The last in memory. Features are generated as
wide as those of the small preset (1 080 activations and the score).
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from bench import load
from bench.instance import Client, Instance
from bench.report import figure
from bench.review import ME
from scoring.features import Activations
from scoring.recalibrate import Calibration, calibrate

BENCH = "recalibrate"
WIDTH = 1080
START = 512
BATCH = 256
ASK_EVERY_S = 20  # how the job is: asking starts a process that takes a second of a core
FIT_ROUNDS, IN_MEMORY = 9, 50_000


def main(arguments: list[str]) -> int:
    options = load.parser(BENCH, __doc__)
    options.add_argument("--reviews", type=int, default=2000, help="verdicts that stand when the clicks begin")
    options.add_argument("--fits", type=int, nargs="*", default=[25, 200, 2000], help="verdicts of the fits in memory")
    args = options.parse_args(arguments)
    rng = np.random.default_rng(0)
    for reviews in args.fits:
        found = _fit(rng, reviews, FIT_ROUNDS)
        _apply(rng, found, IN_MEMORY)
    for case, instance in load.instances(BENCH, args):
        instance.python(f"from bench.learned import prepare; prepare({load.SLUG!r}, {args.reviews})")
        client = Client(instance)
        case = f"{case}, {args.reviews:,} reviews"
        _rewrite(case, instance, client, args.frames)
        _click(case, instance, client, args.rounds)
        _rewrite(f"{case} and {args.rounds}", instance, client, args.frames)
    return 0


def _rewrite(case: str, instance: Instance, client: Client, frames: int) -> None:
    """The job as its worker runs it: from its start until every list shows the new numbers, and to its end, when the
    rows of the fit before are gone."""
    client.submit(f"/d/{load.SLUG}/models/calibrate/")
    state = "queued"
    while state in ("queued", "running", "none"):
        time.sleep(ASK_EVERY_S)
        said = instance.python(f"from bench.learned import last_job; print(last_job({load.SLUG!r}))")
        state, stood, spent, reason = json.loads(said)
    if state != "done":
        raise SystemExit(f"The job ended as {state}: {reason}")
    busy = round(os.getloadavg()[0], 1)
    figure(BENCH, case, "every probability written", round(stood, 1), "s", frames=frames, load=busy)
    figure(BENCH, case, "the job with clearing away", round(spent, 1), "s", frames=frames, load=busy)


def _click(case: str, instance: Instance, client: Client, rounds: int) -> None:
    """A verdict, then what the page asks for: refit, threshold with its interval, histogram."""
    base, user = f"/d/{load.SLUG}", int(instance.python(ME))
    said = instance.python(f"from bench.learned import unreviewed; print(unreviewed({load.SLUG!r}, {rounds + 3}))")
    frames = iter(json.loads(said))
    waited: list[float] = []

    def click() -> float:
        pk, seen = next(frames)
        verdict = "out" if pk % 2 else "in"
        row = {"uuid": str(uuid4()), "frame": pk, "verdict": verdict, "seen": seen, "source": "gallery"}
        waited.append(client.post(f"{base}/reviews/", {"user": user, "reviews": [row]})[1])
        page, spent = client.get(f"{base}/models/live/", htmx=True)
        if "Suggested threshold" not in page:
            raise SystemExit(f"There is no live fit: {page[:300]}")
        return spent

    load.timed(2, click)  # each of the web server's processes reads what the fit left once
    waited.clear()
    spent = [click() for _ in range(rounds)]
    load.report(BENCH, case, "refit, threshold and histogram", spent)
    load.report(BENCH, case, "verdict acknowledged", waited)
    again = [client.wait_for(f"{base}/models/live/", htmx=True) for _ in range(rounds)]
    load.report(BENCH, case, "the same for the next person", again)


def _frames(rng: np.random.Generator, count: int, shift: float) -> tuple[Activations, NDArray[np.float64]]:
    mixing = np.random.default_rng(1).normal(size=(60, WIDTH)) / 8
    activations = rng.normal(shift, 1.0, (count, 60)) @ mixing + rng.normal(0, 0.3, (count, WIDTH))
    return activations.astype(np.float16), rng.normal(2 * shift, 1.0, count)


def _fit(rng: np.random.Generator, reviews: int, rounds: int) -> Calibration:
    inside, outside = _frames(rng, reviews - reviews // 4, 0.0), _frames(rng, reviews // 4, 0.5)
    start = _frames(rng, START, -0.1)
    activations = np.concatenate([inside[0], outside[0]])
    scores = np.concatenate([inside[1], outside[1]])
    is_out = np.arange(reviews) >= reviews - reviews // 4
    found = calibrate(activations, scores, is_out, *start)  # also imports scikit-learn
    timed = [_timed(lambda: calibrate(activations, scores, is_out, *start)) for _ in range(rounds)]
    for name, seconds in (("wall", [wall for wall, _ in timed]), ("cpu", [cpu for _, cpu in timed])):
        spread = [round(min(seconds), 4), round(max(seconds), 4)]
        case = f"{reviews} reviews, {START} start frames"
        figure(BENCH, case, f"fit_{name}", round(statistics.median(seconds), 4), "s", spread=spread)
    assert isinstance(found, Calibration)
    return found


def _apply(rng: np.random.Generator, found: Calibration, frames: int) -> None:
    pack = _frames(rng, BATCH, 0.2)
    packs = max(1, frames // BATCH)
    seconds, _ = _timed(lambda: [found.probability(*pack) for _ in range(packs)])
    case = f"packs of {BATCH}, {WIDTH} activations a frame, in memory"
    figure(BENCH, case, "probabilities", round(packs * BATCH / seconds), "frames/s")


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - cpu
