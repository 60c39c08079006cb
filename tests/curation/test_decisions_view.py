"""POST decisions/ and selections/: what comes in, what goes out, and what is refused in words."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from curation import segments
from curation.models import Dataset, Review, Video
from tests.conftest import signed_in
from tests.curation.review_rows import scored_dataset

pytestmark = pytest.mark.django_db
LOSSES = [20.0] * 3 + [90.0] * 3


@pytest.fixture
def video() -> Video:
    dataset, frames = scored_dataset(LOSSES)
    segments.rebuild(video=frames[0].video)
    return dataset.videos.get()


@pytest.fixture
def ana(video: Video) -> Client:
    return signed_in(User.objects.get(username="ana"))


def post(client: Client, name: str, body: Any) -> tuple[int, dict[str, Any]]:
    text = body if isinstance(body, str) else json.dumps(body)
    answer = client.post(f"/d/cup/{name}/", text, content_type="application/json")
    return answer.status_code, answer.json()


def on_segment(video: Video, **more: object) -> dict[str, object]:
    values = {"uuid": str(uuid4()), "kind": "segment", "video": video.pk, "first": 3, "last": 5, "verdict": "out"}
    return values | {"seen": [[0, 3]]} | more


def test_it_answers_each_decision_with_what_became_of_it(video: Video, ana: Client) -> None:
    made = on_segment(video)
    second = on_segment(video, first=0, last=2, verdict="in")
    status, answer = post(ana, "decisions", {"decisions": [made, second]})
    assert status == 200
    assert answer["outcomes"][0] == {
        "uuid": made["uuid"], "status": "applied", "applied": 3, "kept": 0, "verdict": "out", "reason": "",
        "message": "", "by": "", "versions": [[1, 3]], "segment": video.segments.get(first=3).pk,
    }  # fmt: skip
    undone = {"uuid": str(uuid4()), "kind": "undo", "undoes": made["uuid"]}
    _, answer = post(ana, "decisions", {"user": User.objects.get(username="ana").pk, "decisions": [undone]})
    assert (answer["outcomes"][0]["status"], answer["outcomes"][0]["versions"]) == ("applied", [[2, 3]])


def test_it_answers_409_for_a_decision_that_came_too_late(video: Video, ana: Client) -> None:
    post(signed_in(User.objects.get(username="bea")), "decisions", {"decisions": [on_segment(video, verdict="in")]})
    status, answer = post(ana, "decisions", {"decisions": [on_segment(video)]})
    (outcome,) = answer["outcomes"]
    assert (status, outcome["status"], outcome["by"], outcome["kept"]) == (409, "conflict", "bea", 3)


def test_it_says_what_is_wrong_with_one_decision_and_makes_the_others(video: Video, ana: Client) -> None:
    rows = [on_segment(video, last=99), on_segment(video)]
    status, answer = post(ana, "decisions", {"decisions": rows})
    assert status == 200
    assert [outcome["status"] for outcome in answer["outcomes"]] == ["missing", "applied"]
    assert "other ones than the page showed" in answer["outcomes"][0]["message"]


@pytest.mark.parametrize(
    "body",
    ["", "[", "[]", "{}", {"decisions": []}, {"decisions": {}}, {"decisions": [1]}, {"decisions": [{"uuid": 3}]},
     {"decisions": [{"uuid": str(uuid4())}]}, {"decisions": [{"uuid": str(uuid4()), "kind": "segment", "first": -1}]},
     {"decisions": [{"uuid": str(uuid4()), "kind": "segment", "seen": [1]}]},
     {"decisions": [{"uuid": str(uuid4()), "kind": "undo", "undoes": "x"}]},
     {"decisions": [{"uuid": str(uuid4()), "kind": "segment", "seen": 7}]}, {"decisions": [{}] * 51}],
)  # fmt: skip
def test_it_refuses_malformed_bodies_in_words(ana: Client, body: Any) -> None:
    status, answer = post(ana, "decisions", body)
    assert status == 400 and answer["error"].endswith((".", "undoes."))
    assert not Review.objects.exists()


def test_it_refuses_decisions_that_another_user_left_in_the_browser(video: Video, ana: Client) -> None:
    bea = User.objects.get(username="bea")
    status, answer = post(ana, "decisions", {"user": bea.pk, "decisions": [on_segment(video)]})
    assert (status, answer["error"]) == (403, "You are signed in as ana now; these verdicts are somebody else's.")


def test_it_freezes_what_an_address_shows_and_decides_on_it(video: Video, ana: Client) -> None:
    status, found = post(ana, "selections", {"query": "side=above"})
    assert (status, found["count"]) == (200, 3)
    row = {"uuid": str(uuid4()), "kind": "selection", "selection": found["uuid"], "verdict": "out"}
    _, answer = post(ana, "decisions", {"decisions": [row]})
    assert (answer["outcomes"][0]["status"], answer["outcomes"][0]["applied"]) == ("applied", 3)
    assert Dataset.objects.get().videos.get().frames.filter(verdict="out").count() == 3


@pytest.mark.parametrize(
    ("body", "sentence"),
    [({}, "query string"), ("x", "query string"), ({"query": "verdict=in"}, "No frame"), ({"query": "sort=x"}, "sort")],
)
def test_it_refuses_lists_that_can_not_be(ana: Client, body: Any, sentence: str) -> None:
    status, answer = post(ana, "selections", body)
    assert status == 400 and sentence in answer["error"]
