"""The broker out of the requirements: it needs none on PATH, wants its password, and keeps what it holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from curation.local import broker
from curation.local.child import Child, Part
from curation.local.leash import Leash
from curation.local.ports import any_free

PASSWORD = "a-password"


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Child]]:
    """Starts the wheel's own server on one port and folder, again and again."""
    monkeypatch.setenv("PATH", str(tmp_path))
    leash, port = Leash(), any_free()
    config = broker.write_config(tmp_path / 'a "folder"', port=port, password=PASSWORD)
    assert config.stat().st_mode & 0o777 == 0o600

    def started() -> Child:
        child = Child(
            Part("broker", [broker.server_binary(), str(config)], {"PORT": str(port)}), logs=tmp_path, leash=leash
        )
        child.start()
        end = time.monotonic() + 10
        while not broker.answers(port, PASSWORD) and time.monotonic() < end:
            time.sleep(0.02)
        return child

    yield started
    leash.close()


def test_it_answers_to_the_password_alone_and_keeps_a_queue_over_a_kill(start: Callable[[], Child]) -> None:
    child = start()
    port = int(child.part.env["PORT"])
    assert broker.answers(port, PASSWORD), child.last_lines()
    assert not broker.answers(port, "another")
    client = redis.Redis(port=port, password=PASSWORD)
    client.lpush("media", "a hint")
    time.sleep(1.2)  # it syncs once a second
    child.signal(9)
    while child.running:
        time.sleep(0.02)
    assert not broker.answers(port, PASSWORD)
    start()
    assert redis.Redis(port=port, password=PASSWORD).lrange("media", 0, -1) == [b"a hint"]
