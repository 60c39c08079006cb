"""`python -m scoring.demo --out DIR`: writes the demo's videos and manifest.json; progress as JSON lines on stderr."""

import argparse
import json
import sys
from pathlib import Path

from scoring.demo import script
from scoring.demo.encode import EncodingFailed
from scoring.demo.make import make_demo, print_progress, truth_lines


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 2 with one line of JSON that says what is wrong."""
    args = _parser().parse_args(arguments)
    try:
        if args.out:
            make_demo(args.out, seed=args.seed, scale=args.scale, workers=args.workers, on_progress=print_progress)
        if args.truth:
            for line in truth_lines(script.demo(args.seed, args.scale), args.step):
                print(line)
    except (ValueError, OSError, EncodingFailed) as error:
        print(json.dumps({"error": str(error)}), file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scoring.demo", description=__doc__)
    parser.add_argument("--out", type=Path, help="folder for the videos and manifest.json")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=float, default=1.0, help="0.1 makes every scene a tenth as long, for tests")
    parser.add_argument("--truth", action="store_true", help="print one JSON line per sampled frame")
    parser.add_argument("--step", type=float, default=script.STEP_S, help="seconds between sampled frames, for --truth")
    parser.add_argument("--workers", type=int, default=2)
    return parser


if __name__ == "__main__":
    sys.exit(main())
