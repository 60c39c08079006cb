"""Runs one benchmark: `python -m bench NAME [its options]`."""

from __future__ import annotations

import sys
from collections.abc import Callable

from bench import coverage, decode, first_run, gallery, pipeline, recalibrate, rescore, review, rows, score

BENCHES: dict[str, Callable[[list[str]], int]] = {
    "coverage": coverage.main,
    "decode": decode.main,
    "first_run": first_run.main,
    "gallery": gallery.main,
    "pipeline": pipeline.main,
    "recalibrate": recalibrate.main,
    "rescore": rescore.main,
    "review": review.main,
    "rows": rows.main,
    "score": score.main,
}


def main() -> int:
    name, rest = (sys.argv[1] if len(sys.argv) > 1 else "--list"), sys.argv[2:]
    if name == "--list":
        for key, run in BENCHES.items():
            print(f"{key}: {(sys.modules[run.__module__].__doc__ or '').splitlines()[0]}")
        return 0
    if name not in BENCHES:
        print(f"There is no benchmark {name!r}; there are {', '.join(BENCHES)}.", file=sys.stderr)
        return 2
    return BENCHES[name](rest)


if __name__ == "__main__":
    sys.exit(main())
