"""What holds for any part under the supervisor: who dies with whom, what is started again, and when it gives up."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from curation.local import ports
from curation.local.child import QUICK_DEATHS, Child, Part, rotate
from curation.local.leash import Leash
from curation.local.state import BASE_DIR, ensure_secrets, process_exists, read_run, read_secrets

HOLDER = """
import subprocess, sys, time
from pathlib import Path
from curation.local.child import Child, Part
from curation.local.leash import Leash
leash = Leash()
shell = Part("shell", ["sh", "-c", "sleep 600 & echo $!; wait"])
child = Child(shell, logs=Path(sys.argv[1]), leash=leash)
child.start()
print(child.pid, leash.watcher_pid, flush=True)
time.sleep(600)
"""

# A supervisor of one part, on a clock that runs fifty times faster.
SUPERVISE = """
import sys
from pathlib import Path
from curation.local import child
from curation.local.leash import Leash
from curation.local.parts import Plan
from curation.local.state import ensure_secrets
from curation.local.supervisor import PartFailedError, Supervisor
child.FIRST_DELAY_S = 0.02
folder = Path(sys.argv[1])
plan = Plan(folder, ensure_secrets(folder), host="127.0.0.1", web_port=1, broker_port=1, store_port=1)
supervisor = Supervisor(plan, say=print, leash=Leash())
part = child.Part("broken", ["sh", "-c", "echo no such thing; exit 3"], echo=sys.argv[2] == "echo")
try:
    if sys.argv[2] == "once":
        supervisor.run_once(part, limit_s=10)
    supervisor.start(part)
    supervisor.forever()
except PartFailedError as reason:
    print("FAILED", reason)
"""


def wait_for(condition: Callable[[], bool], *, limit_s: float = 5.0) -> bool:
    end = time.monotonic() + limit_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and waits to be collected doesn't."""
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return process_exists(pid) and not listed.startswith("Z")


@pytest.fixture
def holder(tmp_path: Path) -> tuple[subprocess.Popen[str], int, int, int]:
    """A supervisor's leash in a process of its own: (process, child, grandchild, watcher)."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], cwd=BASE_DIR, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    child, watcher = map(int, process.stdout.readline().split())
    log = tmp_path / "shell.log"
    assert wait_for(lambda: log.read_text().strip().isdigit())
    return process, child, int(log.read_text()), watcher


def test_it_takes_children_and_grandchildren_along_when_killed_outright(
    holder: tuple[subprocess.Popen[str], int, int, int],
) -> None:
    process, child, grandchild, watcher = holder
    assert alive(child) and alive(grandchild)
    process.kill()
    process.wait()
    assert wait_for(lambda: not any(map(alive, (child, grandchild, watcher))))


if sys.platform == "linux":  # the second hold is a promise of its kernel

    def test_it_takes_children_along_even_when_the_watcher_is_gone_too(
        holder: tuple[subprocess.Popen[str], int, int, int],
    ) -> None:
        process, child, grandchild, watcher = holder
        os.kill(watcher, signal.SIGKILL)
        process.kill()
        process.wait()
        assert wait_for(lambda: not alive(child))
        os.kill(grandchild, signal.SIGKILL)


@pytest.fixture
def leash() -> Leash:
    return Leash()


def dead_child(part: Part, logs: Path, leash: Leash) -> Child:
    child = Child(part, logs=logs, leash=leash)
    child.start()
    assert wait_for(lambda: child.ended)
    child.bury()
    return child


def test_it_waits_longer_after_each_quick_death(tmp_path: Path, leash: Leash) -> None:
    child = dead_child(Part("brief", [sys.executable, "-c", "raise SystemExit(3)"]), tmp_path, leash)
    assert child.exit_code == 3
    delays = [child.plan_restart() for _ in range(7)]
    assert delays == [1, 2, 4, 8, 16, 30, 30]
    assert child.quick_deaths == 7 > QUICK_DEATHS
    leash.close()


def supervise(folder: Path, how: str) -> str:
    command = [sys.executable, "-c", SUPERVISE, str(folder), how]
    return subprocess.run(command, cwd=BASE_DIR, capture_output=True, text=True, timeout=30, check=True).stdout


def test_it_gives_up_a_part_that_never_gets_going_and_shows_the_end_of_its_log(tmp_path: Path) -> None:
    told, failure = supervise(tmp_path, "keep").split("FAILED")
    assert "no such thing" not in told
    assert told.count("broken ended (exit code 3); starting it again") == QUICK_DEATHS - 1
    assert failure.startswith(f" broken ended {QUICK_DEATHS} times right after its start.")
    assert failure.rstrip().endswith("no such thing")


def test_it_shows_what_an_echoing_part_prints(tmp_path: Path) -> None:
    assert "broken: no such thing\n" in supervise(tmp_path, "echo")


def test_it_goes_no_further_when_a_preparing_command_fails(tmp_path: Path) -> None:
    said = supervise(tmp_path, "once")
    assert said.startswith("FAILED broken failed (exit code 3).")
    assert said.rstrip().endswith("no such thing")


def test_it_keeps_the_log_of_the_start_before(tmp_path: Path, leash: Leash) -> None:
    part = Part("teller", [sys.executable, "-c", "import sys; print('once'); print('twice', file=sys.stderr)"])
    dead_child(part, tmp_path, leash)
    child = dead_child(part, tmp_path, leash)
    assert sorted(child.last_lines()) == ["once", "twice"]
    assert sorted((tmp_path / "teller.1.log").read_text().split()) == ["once", "twice"]
    leash.close()


def test_it_keeps_three_older_logs_and_no_more(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    for number in range(6):
        log.write_text(str(number))
        rotate(log)
    kept = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert kept == {"web.1.log": "5", "web.2.log": "4", "web.3.log": "3"}


def test_it_clears_away_what_a_dead_part_left_running(tmp_path: Path, leash: Leash) -> None:
    part = Part("careless", ["sh", "-c", "sleep 600 & echo $!"])
    child = dead_child(part, tmp_path, leash)
    left = int(child.last_lines()[0])
    assert wait_for(lambda: not alive(left))
    leash.close()


def test_it_makes_secrets_once_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert read_secrets(folder) is None
    made = ensure_secrets(folder)
    assert ensure_secrets(folder) == made == read_secrets(folder)
    assert (folder / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert len({*vars(made).values()}) == 5


def test_it_refuses_damaged_secrets_instead_of_making_new_ones(tmp_path: Path) -> None:
    ensure_secrets(tmp_path)
    (tmp_path / "secrets.json").write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        ensure_secrets(tmp_path)
    assert (tmp_path / "secrets.json").read_text() == "{"


def test_it_does_not_believe_the_record_of_a_dead_supervisor(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    record = '{"supervisor_pid": %d, "web_url": "", "redis_url": "", "s3_endpoint": "", "s3_public_endpoint": ""}'
    (tmp_path / "run.json").write_text(record % ended.pid)
    assert read_run(tmp_path) is None
    (tmp_path / "run.json").write_text(record % os.getpid())
    assert read_run(tmp_path) is not None


def test_it_keeps_a_port_while_it_is_free(tmp_path: Path) -> None:
    first = ports.kept_port(tmp_path, "broker")
    assert ports.kept_port(tmp_path, "broker") == first
    with socket.create_server(("127.0.0.1", first)):
        other = ports.kept_port(tmp_path, "broker")
        assert other != first
        with pytest.raises(ports.PortTakenError, match=f"Port {first} is taken"):
            ports.web_port(first, default=8000, host="127.0.0.1")
        assert ports.web_port(None, default=first, host="127.0.0.1") != first
    assert ports.kept_port(tmp_path, "broker") == other
