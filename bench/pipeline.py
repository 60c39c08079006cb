"""The whole way from a video to scored packs: CPU and wall seconds beside ffmpeg, the naive flow and PyAV, in turns.

Ours decodes in its sandbox, makes thumbnail and input, writes packs and scores; ffmpeg only decodes and scales, which
is less. Also: what ours takes beyond decoding, how the cost grows with length, and the memory of each process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from bench import clips
from bench.decode import is_there
from bench.flows import WAYS
from bench.report import figure
from bench.turns import Run, busy, compared, in_turns, tell_seconds

BENCH = "pipeline"
BASE = "ffmpeg"
LENGTHS_S = (60, 600, 3600, 10_800)


class Worker:
    """A process that stays, as workers do (bench/flows.py)."""

    def __init__(self, way: str) -> None:
        command = [sys.executable, "-m", "bench.flows", way]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.last: dict[str, Any] = {}
        self._line()

    def run(self, path: Path, step_s: float) -> Run:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"path": str(path), "step_s": step_s}) + "\n")
        self.process.stdin.flush()
        self.last = json.loads(self._line())
        return Run(self.last["cpu_s"], self.last["wall_s"], self.last["done"])

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=60)

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(map(str, self.process.args))} ended early.")  # type: ignore[arg-type]
        return line


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench pipeline", description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", help="videos, or folders of them, instead of generated ones")
    parser.add_argument("--clips", nargs="+", default=list(clips.CLIPS), choices=list(clips.CLIPS))
    parser.add_argument("--seconds", type=int, default=300, help="length; what is shorter is joined to itself")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lengths", type=int, nargs="*", default=[], help=f"seconds, such as {LENGTHS_S}: only these")
    args = parser.parse_args(arguments)
    if args.lengths:
        return _lengths(args.lengths, clips.LONG)
    with workers([way for way in args.ways if is_there(way)]) as found:
        for path in videos(args.data, args.clips, args.seconds):
            _measure(path, found, args.rounds)
    return 0


def videos(data: list[Path] | None, names: list[str], seconds: int) -> Iterator[Path]:
    """The files, and those in folders at any depth, each long enough; generated ones when none are named."""
    if data is None:
        yield from (clips.made(name, seconds) for name in names)
        return
    for entry in data:
        files = [entry] if entry.is_file() else sorted(entry.rglob("*"))
        found = (path for path in files if path.suffix.lower() in (".mp4", ".mkv", ".mov", ".webm", ".avi", ".ts"))
        yield from (clips.looped(path, seconds) for path in found)


@contextmanager
def workers(ways: list[str]) -> Iterator[dict[str, Worker]]:
    with ExitStack() as stack:
        found = {}
        for way in ways:
            found[way] = Worker(way)
            stack.callback(found[way].close)
        yield found


def _measure(path: Path, found: dict[str, Worker], rounds: int) -> None:
    runs = in_turns({way: partial(worker.run, path, 1.0) for way, worker in found.items()}, rounds)
    tell_seconds(BENCH, path.name, runs, BASE)
    for way in ("ours", "extract"):
        if way in runs and "decode" in runs:
            ours, bare = ([run.cpu_s for run in runs[name]] for name in (way, "decode"))
            beyond = round(100 * (1 - 1 / statistics.median(a / b for a, b in zip(ours, bare, strict=True))), 1)
            figure(BENCH, path.name, f"{way}, share beyond decoding", beyond, "%", **compared(ours, bare, "decode"))
    if {"ours", "naive"} <= set(runs):
        ours, naive = ([run.cpu_s for run in runs[name]] for name in ("ours", "naive"))
        figure(BENCH, path.name, "ours beside naive", round(sum(ours), 2), "s", **compared(ours, naive, "naive"))


def _lengths(seconds: list[int], name: str) -> int:
    """CPU seconds per minute of video, and memory, of extraction and of the whole, each length in fresh processes."""
    for length_s in seconds:
        path = clips.made(name, length_s)
        for way in ("extract", "ours"):
            with workers([way]) as found:
                run = found[way].run(path, 1.0)
                peaks = found[way].last
            case = f"{name}, {length_s / 60:g} min"
            per_minute = round(run.cpu_s * 60 / length_s, 3)
            figure(BENCH, case, f"{way}, CPU per minute of video", per_minute, "s", frames=run.done, **busy())
            figure(BENCH, case, f"{way}, memory of the worker", peaks["peak_mb"], "MB")
            figure(BENCH, case, f"{way}, memory of its decoder", peaks["child_peak_mb"], "MB")
    return 0
