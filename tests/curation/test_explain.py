"""Explanations: asked for once, made by a worker, read from the object store; nothing breaks when a part is away."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as configured

from curation import explain, storage
from curation.local.broker import server_binary
from curation.models import Frame, ModelVersion
from tests import environment
from tests.curation.review_rows import scored_dataset
from tests.doors import closed_door

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[redis.Redis]:
    command = [server_binary(), "--port", str(environment.BROKER_PORT), "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        client = redis.Redis.from_url(configured.REDIS_URL)
        for _ in range(100):
            try:
                client.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.05)
        yield client
        client.close()
        process.terminate()


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> tuple[Frame, ModelVersion]:
    monkeypatch.setattr(explain, "_asked", explain._Asked())
    monkeypatch.setattr(explain, "_refused", {})
    dataset, frames = scored_dataset([90.0])
    assert dataset.active_version is not None
    return frames[0], dataset.active_version


def asked(client: redis.Redis) -> list[list[int]]:
    """The arguments of the messages in the queue, oldest first."""
    messages = [json.loads(raw) for raw in client.lrange("inspect", 0, -1)]
    assert all(message["headers"]["task"] == "scoring.tasks.explain_frame" for message in messages)
    return [json.loads(message["headers"]["argsrepr"].replace("(", "[").replace(")", "]")) for message in messages][
        ::-1
    ]


def test_it_asks_a_worker_once_in_five_seconds(
    store: str, broker: redis.Redis, pair: tuple[Frame, ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    frame, version = pair
    first, second = explain.explanation(frame, version), explain.explanation(frame, version)
    assert (first.is_ready, first.problem, second.is_ready, second.problem) == (False, "", False, "")
    assert asked(broker) == [[frame.pk, version.pk]]
    monkeypatch.setattr(explain, "ASK_AGAIN_S", 0.0)
    explain.explanation(frame, version)
    assert len(asked(broker)) == 2


def test_it_finds_the_pictures_once_all_are_written(store: str, pair: tuple[Frame, ModelVersion]) -> None:
    frame, version = pair
    for kind in explain.KINDS:
        assert explain.image(frame, version, kind) is None
        storage.write(explain.key(frame, version, kind), kind.encode(), "image/png")
    found = explain.explanation(frame, version)
    assert found.is_ready
    assert found.keys["input"] == f"explanations/{version.uuid}/{frame.pk}/input.png"
    assert explain.image(frame, version, "heatmap") == b"heatmap"
    assert explain.image(frame, version, "../../uploads/x") is None


def test_it_says_that_the_queue_is_down_and_does_not_knock_again_at_once(
    store: str, pair: tuple[Frame, ModelVersion]
) -> None:
    frame, version = pair
    with closed_door(environment.BROKER_PORT) as queue:
        assert "queue can't be reached" in explain.explanation(frame, version).problem
        knocks = queue.knocks
        assert knocks
        assert "queue can't be reached" in explain.explanation(frame, version).problem
        explain.ask_ahead(frame, version)
        assert queue.knocks == knocks


def test_it_says_that_the_object_store_is_down(pair: tuple[Frame, ModelVersion], settings: Any) -> None:
    settings.S3_ENDPOINT = f"http://127.0.0.1:{environment.free_port()}"
    frame, version = pair
    assert "object store" in explain.explanation(frame, version).problem
    explain.ask_ahead(frame, version)
    with pytest.raises(storage.StoreUnavailable):
        explain.image(frame, version, "input")


def test_it_clears_only_what_is_old(
    store: str, pair: tuple[Frame, ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    frame, version = pair
    storage.write(explain.key(frame, version, "input"), b"x")
    storage.write("runs/keep", b"x")
    assert explain.clear_old() == 0
    monkeypatch.setattr(explain, "KEEP", dt.timedelta(seconds=-60))
    assert explain.clear_old() >= 1
    assert explain.image(frame, version, "input") is None
    assert storage.read("runs/keep") == b"x"
