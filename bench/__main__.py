"""Runs benchmarks: `python -m bench NAME [its options]`; or several, one after another: `python -m bench NAME NAME
[options that each of them knows]`; or all of them: `python -m bench --all`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import takewhile

from bench import (
    coverage,
    decode,
    first_run,
    gallery,
    pack,
    pipeline,
    recalibrate,
    rescore,
    review,
    rows,
    score,
    train,
)

BENCHES: dict[str, Callable[[list[str]], int]] = {
    "coverage": coverage.main,
    "decode": decode.main,
    "first_run": first_run.main,
    "gallery": gallery.main,
    "pack": pack.main,
    "pipeline": pipeline.main,
    "recalibrate": recalibrate.main,
    "rescore": rescore.main,
    "review": review.main,
    "rows": rows.main,
    "score": score.main,
    "train": train.main,
}
FILLED = ("recalibrate", "gallery", "review")  # on the same two databases of a million frames, filled once
ALL = (
    *((name, "--rounds", "12") for name in FILLED),
    ("decode", "--rounds", "2"),
    ("pipeline", "--rounds", "2"),
    ("pipeline", "--lengths", "60", "600", "3600", "10800"),
    *((name,) for name in ("score", "train", "pack", "rows", "rescore", "first_run", "coverage")),
)  # so many rounds that all of it fits into two hours of a quiet machine of two cores


def main() -> int:
    name, rest = (sys.argv[1] if len(sys.argv) > 1 else "--list"), sys.argv[2:]
    if name == "--list":
        for key, run in BENCHES.items():
            print(f"{key}: {(sys.modules[run.__module__].__doc__ or '').splitlines()[0]}")
        return 0
    if name == "--all":
        return _all()
    if name not in BENCHES:
        print(f"There is no benchmark {name!r}; there are {', '.join(BENCHES)}.", file=sys.stderr)
        return 2
    names = [name, *takewhile(BENCHES.__contains__, rest)]
    if len(names) > 1:
        return _each([[each, *rest[len(names) - 1 :]] for each in names])
    return BENCHES[name](rest)


def _all() -> int:
    with tempfile.TemporaryDirectory(prefix="framesift-bench-") as folder:
        return _each([[*run, *(["--data", folder] if run[0] in FILLED else [])] for run in ALL])


def _each(runs: list[list[str]]) -> int:
    """Each in a process of its own: some set up libraries in their way. 1 when any of them failed."""
    failed = [run for run in runs if subprocess.run([sys.executable, "-m", "bench", *run], check=False).returncode]
    for run in failed:
        print(f"It failed: python -m bench {' '.join(run)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
