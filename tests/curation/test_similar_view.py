"""The address "similar": asked until it is ready, as JSON and as a fragment; a POST makes a list of it."""

from __future__ import annotations

import json
import time

import pytest
import redis
from django.test import Client
from django.urls import reverse

from curation import explain, similar, storage
from curation.models import Frame, ModelVersion
from tests.conftest import signed_in
from tests.curation.review_rows import make_dataset, make_video, scored_dataset
from tests.curation.test_explain import broker as broker

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch) -> list[Frame]:
    monkeypatch.setattr(explain, "_asked", explain._Asked())  # ids come again in another test
    monkeypatch.setattr(explain, "_refused", {})
    return scored_dataset([10.0, 60.0, 70.0], ana="viewer")[1]


def version_of(frame: Frame) -> ModelVersion:
    version = frame.video.dataset.active_version
    assert version is not None
    return version


def answer(frame: Frame, near: list[tuple[int, float]], **told: object) -> None:
    """What a worker would write."""
    for among in similar.AMONG:
        found = {"near": near, "seen": True, "trained": 5, "problem": "", "stamp": "0-None", "at": time.time(), **told}
        storage.write(similar.key(frame, version_of(frame), among), json.dumps(found).encode())


def client_of(frame: Frame) -> Client:
    return signed_in(frame.video.dataset.memberships.get().user)


def url(frame: Frame, query: str = "") -> str:
    return reverse("similar", args=[frame.video.dataset.slug, frame.pk]) + query


def test_it_asks_a_worker_and_says_how_far_it_is(frames: list[Frame], broker: redis.Redis) -> None:
    client, frame = client_of(frames[1]), frames[1]
    found = client.get(url(frame)).json()
    assert (found["is_ready"], found["progress"], found["problem"]) == (False, None, "")
    (message,) = [json.loads(raw) for raw in broker.lrange("inspect", 0, -1)]
    assert message["headers"]["task"] == similar.TASK
    assert message["headers"]["argsrepr"] == f"[{frame.pk}, {version_of(frame).pk}, 'all']"
    storage.write(similar.progress_key(version_of(frame)), b'{"share": 0.25}')
    assert client.get(url(frame, "?of=training")).json()["progress"] == 0.25
    assert broker.llen("inspect") == 2


def test_it_says_so_when_no_worker_can_be_asked(frames: list[Frame]) -> None:
    assert "queue can't be reached" in client_of(frames[1]).get(url(frames[1])).json()["problem"]


def test_it_gives_the_frames_and_how_far_they_lie(frames: list[Frame]) -> None:
    gone = 10**9
    answer(frames[0], [(frames[2].pk, 0.5), (gone, 0.6), (frames[1].pk, 0.75)])
    found = client_of(frames[0]).get(url(frames[0])).json()
    assert found["is_ready"]
    assert [(row["id"], row["distance"]) for row in found["frames"]] == [(frames[2].pk, 0.5), (frames[1].pk, 0.75)]
    assert found["frames"][0]["thumb"].endswith(f"/frames/{frames[2].pk}/thumb.jpg")


def test_it_is_a_fragment_for_the_frame_page(frames: list[Frame]) -> None:
    client = client_of(frames[0])
    waiting = client.get(url(frames[0], "?of=training&tries=3"), headers={"HX-Request": "true"}).content.decode()
    assert "tries=4" in waiting
    answer(frames[0], [(frames[2].pk, 0.5)])
    ready = client.get(url(frames[0], "?of=training"), headers={"HX-Request": "true"}).content.decode()
    assert "Of 5 frames that version 1 was trained on as in distribution; this one is among them" in ready
    assert "hx-get" not in ready


def test_it_makes_a_list_that_the_gallery_shows_nearest_first(frames: list[Frame]) -> None:
    client = client_of(frames[0])
    assert client.post(url(frames[0])).status_code == 503  # the queue has no server here
    answer(frames[0], [(frames[2].pk, 0.5), (frames[1].pk, 0.75)])
    made = client.post(url(frames[0])).json()
    assert made["count"] == 3
    page = client.get(made["url"]).content.decode()
    places = [page.index(f'id="frame-{frame.pk}"') for frame in (frames[0], frames[2], frames[1])]
    assert places == sorted(places)


def test_it_answers_in_words_without_a_model_and_to_nonsense(frames: list[Frame]) -> None:
    assert "all or with training" in client_of(frames[0]).get(url(frames[0], "?of=moon")).json()["error"]
    other = make_video(make_dataset("other", ana="viewer"), 1).frames.get()
    response = client_of(other).get(url(other))
    assert (response.status_code, "Train one first" in response.json()["error"]) == (409, True)


def test_it_says_what_stands_in_the_way(frames: list[Frame]) -> None:
    answer(frames[0], [], problem="Version 1 kept no features.")
    found = client_of(frames[0]).get(url(frames[0])).json()
    assert (found["is_ready"], found["problem"]) == (False, "Version 1 kept no features.")
    assert client_of(frames[0]).post(url(frames[0])).json()["error"] == "Version 1 kept no features."
