"""kill -9 of a worker in the middle of its work: the work is finished by the next one, without holes or doubles."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scoring import demo
from tests.e2e.instance import Instance, start_instance

QUICK = {"JOB_LEASE_S": "4", "JOB_HEARTBEAT_S": "0.5", "JOB_SWEEP_S": "1"}


def ask(instance: Instance, query: str) -> list[tuple[object, ...]]:
    """Rows of the instance's database, read beside it."""
    with sqlite3.connect(f"file:{instance.data_dir}/framesift.sqlite3?mode=ro", uri=True, timeout=20) as db:
        return db.execute(query).fetchall()


def one(instance: Instance, query: str) -> object:
    rows = ask(instance, query)
    return rows[0][0] if rows else None


def wait(instance: Instance, query: str, expected: object, limit_s: float = 90) -> None:
    reached = instance.wait_until(lambda: one(instance, query) == expected, limit_s=limit_s)
    jobs = ask(instance, "select * from curation_job")
    assert reached, f"expected {expected!r}, found {one(instance, query)!r}; jobs: {jobs}"


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with start_instance(tmp_path_factory.mktemp("faults") / "data", env=QUICK) as running:
        yield running


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "long.mp4"
    demo.make_clip(path, kinds=[("match", 40.0)], seed=1)
    return path


def test_it_finishes_an_extraction_whose_worker_was_killed(instance: Instance, clip: Path) -> None:
    one_running = "select count(*) from curation_job where kind='extract' and state='running'"
    with ThreadPoolExecutor(1) as pool:  # on a busy machine the work may be done before the command has ended
        importing = pool.submit(instance.manage, "import_videos", "faults", str(clip), "--reference", "--create")
        wait(instance, one_running, 1)
        os.kill(instance.pid_of("media"), signal.SIGKILL)
        importing.result()
    wait(instance, "select state from curation_video", "extracted")
    attempts = one(instance, "select attempt from curation_job where kind='extract'")
    assert attempts == 2
    numbers = [row[0] for row in ask(instance, "select number from curation_frame order by number")]
    assert numbers == list(range(40))
    instance.manage("check_invariants")


def test_it_goes_on_with_a_training_whose_worker_was_killed(instance: Instance) -> None:
    instance.manage("train", "faults")
    wait(instance, "select epochs_done >= 2 from curation_trainingrun", 1)
    os.kill(instance.pid_of("train"), signal.SIGKILL)
    wait(instance, "select state from curation_trainingrun", "done", limit_s=150)
    epochs = [row[0] for row in ask(instance, "select epoch from curation_epochmetric order by epoch")]
    assert epochs == list(range(1, len(epochs) + 1))
    resumed = "select count(*) from curation_jobline where text like 'Going on from the checkpoint%'"
    assert one(instance, resumed) == 1
    wait(instance, "select state from curation_video", "ready")
    assert one(instance, "select count(*) from curation_framescore") == 40
    instance.manage("check_invariants")


def test_it_goes_on_with_the_folds_after_their_worker_was_killed(
    instance: Instance, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("folds")
    for seed, name in enumerate(("home.mp4", "away.mp4")):
        demo.make_clip(folder / name, kinds=[("match", 12.0)], seed=seed)
    instance.manage("import_videos", "folds", str(folder), "--reference", "--create", "--wait")
    instance.manage("train", "folds", "--epochs", "2")
    of_run = (
        "from curation_job where kind='train' and dataset_id = (select id from curation_dataset where slug='folds')"
    )
    wait(instance, "select count(*) from curation_jobline where text = 'Fold 1 of 2 is measured.'", 1, limit_s=150)
    os.kill(instance.pid_of("train"), signal.SIGKILL)
    wait(instance, f"select state {of_run}", "done", limit_s=150)
    assert one(instance, f"select attempt {of_run}") == 2
    told = [
        str(row[0]) for row in ask(instance, "select text from curation_jobline where text like '%fold%' order by id")
    ]
    assert [line for line in told if "is measured" in line] == [f"Fold {n} of 2 is measured." for n in (1, 2)]
    versions = "from curation_modelversion v join curation_dataset d on d.id = v.dataset_id where d.slug = 'folds'"
    assert ask(instance, f"select v.number, v.state, json_extract(v.thresholds, '$.ood_score.folds') {versions}") == [
        (1, "ready", 2)
    ]
    instance.manage("check_invariants")
