"""Taking frames out of videos: CPU and wall seconds of ours beside ffmpeg's and others', in turns.

Each way runs as a process of its own, starting it included. Ours makes thumbnail and model input of each frame as well.
Key frames alone (ours_keys, ffmpeg_keys) are measured once per video and compared with ffmpeg's frame per step.
Peers that are not installed (bench/requirements.txt) are left out.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench import clips
from bench.peers import KEY_WAYS, WAYS
from bench.report import figure

BENCH = "decode"
BASE = "ffmpeg"


@dataclass(frozen=True)
class Run:
    cpu_s: float
    wall_s: float
    frames: int


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench decode", description=__doc__)
    parser.add_argument("--data", type=Path, help="a folder of videos to measure with, instead of generated ones")
    parser.add_argument("--clips", nargs="+", default=list(clips.CLIPS), choices=list(clips.CLIPS))
    parser.add_argument("--seconds", type=int, default=300, help="length of generated videos")
    parser.add_argument("--steps", type=float, nargs="+", default=[1.0, 5.0], help="seconds between frames")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args(arguments)
    ways = [way for way in args.ways if is_there(way)]
    for path in _videos(args):
        for step_s in args.steps:
            here = [way for way in ways if step_s == args.steps[0] or way not in KEY_WAYS]
            _measure(path, step_s, here, args.rounds)
    return 0


def _videos(args: argparse.Namespace) -> list[Path]:
    if args.data:
        return sorted(path for path in args.data.iterdir() if path.is_file())
    return [clips.made(name, args.seconds) for name in args.clips]


def is_there(way: str) -> bool:
    modules = {
        "ffmpeg": "imageio_ffmpeg",
        "ffmpeg_keys": "imageio_ffmpeg",
        "naive": "cv2",
        "decord": "decord",
        "torchcodec": "torchcodec.decoders",
    }
    found = subprocess.run([sys.executable, "-c", f"import {modules.get(way, 'av')}"], capture_output=True, check=False)
    if found.returncode:
        print(f"{way} is not installed: left out (pip install -r bench/requirements.txt).", file=sys.stderr)
    return found.returncode == 0


def _measure(path: Path, step_s: float, ways: list[str], rounds: int) -> None:
    runs: dict[str, list[Run]] = {way: [] for way in ways}
    for turn in range(rounds):
        for way in list(runs) if turn % 2 == 0 else list(reversed(runs)):
            found = run(way, path, step_s)
            if found is None:
                print(f"{way} failed on {path.name}: left out.", file=sys.stderr)
                del runs[way]
            else:
                runs[way].append(found)
    case = f"{path.name}, a frame each {step_s:g} s"
    for way in runs:
        for kind in ("cpu_s", "wall_s"):
            values = [getattr(each, kind) for each in runs[way]]
            more = _compared(values, [getattr(each, kind) for each in runs.get(BASE, [])]) if way != BASE else {}
            _print(case, way, kind, values, runs[way][0].frames, more)


def run(way: str, path: Path, step_s: float) -> Run | None:
    """One process; its seconds of CPU with those of its children. None for a peer that can't read the file."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.peers", way, str(path), str(step_s)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode and way.startswith("ours"):
        raise SystemExit(f"{way} failed on {path}.")
    if process.returncode:
        return None
    return Run(used.ru_utime + used.ru_stime, time.perf_counter() - began, int(said))


def _compared(ours: list[float], peers: list[float]) -> dict[str, object]:
    """Median of the ratios of runs of the same round, with their spread."""
    ratios = [a / b for a, b in zip(ours, peers, strict=False)]
    if not ratios:
        return {}
    spread = [round(min(ratios), 3), round(max(ratios), 3)]
    return {"peer": BASE, "ratio": round(statistics.median(ratios), 3), "spread": spread}


def _print(case: str, way: str, kind: str, values: list[float], frames: int, more: dict[str, object]) -> None:
    figure(BENCH, case, f"{way}_{kind}", round(statistics.median(values), 3), "s", frames=frames, **more)
