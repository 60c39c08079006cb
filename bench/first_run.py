"""The first start on an empty data folder: seconds to the login page, to the trained model, to the sorted gallery.

Also counts how many of the 50 frames on top of the gallery are truly out of distribution, by the generator's truth.
Starts `manage.py up` as `python3 dev.py up` does once everything is installed; stop other work on the machine first.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.report import figure
from curation.local.state import BASE_DIR, read_run
from scoring.demo import script

BENCH = "first_run"
TOP = 50
WORST = """
    SELECT video.name, frame.number FROM curation_framescore AS score
    JOIN curation_frame AS frame ON frame.id = score.frame_id
    JOIN curation_video AS video ON video.id = score.video_id
    JOIN curation_dataset AS dataset ON dataset.active_version_id = score.model_version_id
    ORDER BY score.reconstruction_loss DESC LIMIT 50
"""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench first_run", description=__doc__)
    parser.add_argument("--limit", type=float, default=900, help="give up after so many seconds")
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="framesift-first-run-") as folder:
        data = Path(folder) / "data"
        process = start(data)
        try:
            return measure(data, time.monotonic(), args.limit)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def start(data: Path) -> subprocess.Popen[bytes]:
    env = {key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "REDIS_URL", "S3_ENDPOINT")}
    command = [sys.executable, str(BASE_DIR / "manage.py"), "up", "--data", str(data), "--port", "0"]
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)


def measure(data: Path, began: float, limit_s: float) -> int:
    """Print each figure as it is reached. Returns 1 when one was not reached in time."""
    steps: dict[str, Callable[[], bool]] = {
        "the app answers": lambda: answers(data),
        "first frames extracted": lambda: bool(ask(data, "SELECT 1 FROM curation_frame LIMIT 1")),
        "first model trained": lambda: bool(ask(data, "SELECT 1 FROM curation_modelversion")),
        "gallery sorted": lambda: gallery_is_sorted(data),
    }
    for name, reached in steps.items():
        while not reached():
            if time.monotonic() - began > limit_s:
                print(f"Not reached within {limit_s:.0f} s: {name}.", file=sys.stderr)
                return 1
            time.sleep(0.1)
        figure(BENCH, "empty data folder", name, round(time.monotonic() - began, 1), "s", cores=os.cpu_count())
    figure(BENCH, "demo", f"truly outlying among the top {TOP}", truly_outlying(data), "frames")
    return 0


def answers(data: Path) -> bool:
    run = read_run(data)
    return run is not None and run.ready


def ask(data: Path, query: str) -> list[tuple[Any, ...]]:
    try:
        with sqlite3.connect(f"file:{data}/framesift.sqlite3?mode=ro", uri=True, timeout=20) as database:
            return database.execute(query).fetchall()
    except sqlite3.OperationalError:  # not there yet
        return []


def gallery_is_sorted(data: Path) -> bool:
    """Every video of the demo is ready: all its frames are scored by the active version."""
    states = [row[0] for row in ask(data, "SELECT state FROM curation_video")]
    return len(states) == len(script.demo()) and set(states) <= {"ready", "ready_with_warning"}


def truly_outlying(data: Path) -> int:
    command = [sys.executable, str(BASE_DIR / "manage.py"), "demo", "--truth"]
    env = {**os.environ, "FRAMESIFT_DATA": str(data)}
    lines = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.splitlines()
    belongs = {(t["video"], t["number"]): t["in_distribution"] for t in map(json.loads, lines)}
    return sum(not belongs[name, number] for name, number in ask(data, WORST))
