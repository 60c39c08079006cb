"""One whole instance: what `manage.py up` promises about its parts, its secrets, its ports and its end.

The tests share the instance and run in the order they stand in; the last one kills it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.local.state import BASE_DIR, process_exists, read_secrets
from tests.e2e.instance import Instance, start_instance

PARTS = {"broker", "store", "web", "media", "gpu", "train", "inspect", "beat"}


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with start_instance(tmp_path_factory.mktemp("instance")) as running:
        yield running


def up(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BASE_DIR / "manage.py"), "up", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def descendants(pid: int) -> set[int]:
    """Process ids of everything below a process."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    found: set[int] = set()
    fresh = {pid}
    while fresh:
        fresh = {child for child, parent in pairs if parent in fresh} - found
        found |= fresh
    return found


def test_it_runs_every_part_and_tells_the_address_and_the_login(instance: Instance) -> None:
    assert instance.wait_until(lambda: set(instance.run.pids) == PARTS)
    assert instance.url in instance.said()
    assert instance.admin_password in instance.said()
    with urllib.request.urlopen(instance.url + "/readyz", timeout=10) as answer:
        assert answer.status == 200


def test_it_makes_an_admin_who_can_log_in_with_the_password_shown(instance: Instance) -> None:
    check = (
        "import sys; from django.contrib.auth import authenticate;"
        "user = authenticate(username='admin', password=sys.stdin.read());"
        "print(user is not None and user.is_superuser)"
    )
    command = [sys.executable, str(BASE_DIR / "manage.py"), "shell", "-v", "0", "-c", check]
    done = subprocess.run(
        command, input=instance.admin_password, env=instance.environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip().endswith("True"), done.stderr


def test_it_keeps_its_secrets_from_other_people(instance: Instance) -> None:
    secrets = read_secrets(instance.data_dir)
    assert secrets is not None
    assert instance.data_dir.stat().st_mode & 0o777 == 0o700
    for name in ("secrets.json", "run.json", "broker/broker.conf"):
        assert (instance.data_dir / name).stat().st_mode & 0o777 == 0o600, name
    commands = subprocess.run(["ps", "-e", "-ww", "-o", "args="], capture_output=True, text=True, check=True).stdout
    assert str(instance.data_dir) in commands
    assert not [value for value in vars(secrets).values() if value in commands]


def test_it_has_a_broker_that_wants_the_password_and_keeps_what_it_is_given(instance: Instance) -> None:
    port = json.loads((instance.data_dir / "ports.json").read_text())["broker"]
    with socket.create_connection(("127.0.0.1", port), timeout=5) as stranger:
        stranger.sendall(b"PING\r\n")
        assert stranger.recv(100).startswith(b"-NOAUTH")
    secrets = read_secrets(instance.data_dir)
    assert secrets is not None
    with socket.create_connection(("127.0.0.1", port), timeout=5) as known:
        known.sendall(f"AUTH {secrets.broker_password}\r\nCONFIG GET maxmemory-policy\r\n".encode())
        known.sendall(b"CONFIG GET appendonly\r\nQUIT\r\n")
        answers = b"".join(iter(lambda: known.recv(1000), b"")).decode()
    assert "noeviction" in answers and "yes" in answers


def test_it_refuses_a_second_instance_on_the_same_folder(instance: Instance) -> None:
    second = up("--data", str(instance.data_dir), "--port", "0")
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert "already" in second.stderr and instance.url in second.stderr
    assert process_exists(instance.process.pid)


def test_it_says_in_one_line_that_the_port_is_taken(instance: Instance, tmp_path: Path) -> None:
    port = instance.url.rsplit(":", 1)[1]
    second = up("--data", str(tmp_path), "--port", port)
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert f"Port {port} is taken" in second.stderr


def test_it_starts_a_killed_part_again_and_says_so(instance: Instance) -> None:
    before = instance.pid_of("gpu")
    os.kill(before, signal.SIGKILL)
    assert instance.wait_until(lambda: instance.run.pids.get("gpu", before) != before)
    assert "gpu ended (killed by SIGKILL); starting it again in 1 s" in instance.said()
    assert process_exists(instance.pid_of("gpu"))


def test_it_leaves_no_process_behind_when_killed_outright_and_starts_again_on_the_same_folder(
    instance: Instance,
) -> None:
    below = descendants(instance.process.pid)
    assert len(below) > len(PARTS)
    instance.kill()
    assert instance.wait_until(lambda: not any(map(process_exists, below)), limit_s=5), below
    with start_instance(instance.data_dir) as again:
        assert again.admin_password == instance.admin_password
        below = descendants(again.process.pid)
        assert again.stop() == 0
    assert not any(map(process_exists, below))
    assert "stopped" in again.said()
    assert not (instance.data_dir / "run.json").exists()
