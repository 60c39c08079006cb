"""The pages of second opinions and conflicts: what they tell, and above all what they don't."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from curation import second_looks
from curation.models import Dataset, Frame, Review, SecondLook
from curation.reviews import record
from tests.conftest import signed_in
from tests.curation.review_rows import ask, scored_dataset

pytestmark = pytest.mark.django_db


@pytest.fixture
def cup() -> tuple[Dataset, list[Frame]]:
    """Ana judged three of 30 frames: OUT with a reason, IN, IN. Bea and Olga may give second opinions."""
    dataset, frames = scored_dataset(
        [float(n) for n in range(30)], ana="curator", bea="curator", vera="viewer", olga="admin"
    )
    second_looks.set_share(dataset=dataset, share=1.0)
    requests = [ask(frames[0], "out", reason="advertisement"), ask(frames[5], "in"), ask(frames[9], "in")]
    record(dataset=dataset, user=user("ana"), requests=requests)
    return dataset, frames


def user(name: str) -> User:
    return User.objects.get(username=name)


def as_(name: str) -> Client:
    return signed_in(user(name))


def url(name: str, dataset: Dataset, query: str = "") -> str:
    return reverse(name, args=[dataset.slug]) + query


def post(name: str, dataset: Dataset, *rows: dict[str, Any], **more: object) -> Any:
    body = json.dumps({"reviews": rows, "user": user(name).pk} | more)
    return as_(name).post(url("second-look", dataset), body, content_type="application/json")


def row(frame: Frame, verdict: str, **more: object) -> dict[str, Any]:
    return {"frame": frame.pk, "verdict": verdict, "uuid": str(uuid4()), "seen": 1, "source": "second"} | more


def test_it_shows_frames_without_a_word_of_what_was_said(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    answer = as_("bea").get(url("second-look", dataset, "?part=items"))
    items = answer.json()["items"]
    assert {item["frame"] for item in items} == {frames[0].pk, frames[5].pk, frames[9].pk}
    assert {key for item in items for key in item} == {"frame", "version", "verdict", "video", "time", "strip"}
    assert {item["verdict"] for item in items} == {""}
    page = as_("bea").get(url("second-look", dataset)).content.decode()
    assert '"ana"' not in page and "advertisement</span>" in page  # the reason stands in the menu, not on the frame
    assert all(word not in page for word in ("reconstruction", "probability", "threshold"))
    strip = next(item["strip"] for item in items if item["frame"] == frames[5].pk)
    assert strip == [frame.pk for frame in frames[2:9]]


def test_it_gives_nobody_his_own_frames_and_none_twice(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    assert as_("ana").get(url("second-look", dataset, "?part=items")).json()["items"] == []
    assert "No frame waits for your word" in as_("ana").get(url("second-look", dataset)).content.decode()
    known = f"?part=items&but={frames[0].pk},{frames[5].pk},x"
    assert [item["frame"] for item in as_("bea").get(url("second-look", dataset, known)).json()["items"]] == [
        frames[9].pk
    ]


def test_it_takes_opinions_and_tells_nothing_back(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    answer = post("bea", dataset, row(frames[0], "in"), row(frames[5], "in"), row(frames[20], "in")).json()["outcomes"]
    assert [each["status"] for each in answer] == ["applied", "applied", "missing"]
    assert [each["verdict"] for each in answer] == ["in", "in", "in"]
    states = dict(SecondLook.objects.values_list("frame_id", "state"))
    assert states == {frames[0].pk: "differing", frames[5].pk: "agreed", frames[9].pk: "waiting"}
    again = post("bea", dataset, row(frames[0], "out"))
    assert "first" in again.json()["outcomes"][0]["message"] and "OUT" not in again.content.decode()


def test_it_refuses_nonsense_in_a_sentence(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    assert post("bea", dataset).json()["error"] == "There is no review in this request."
    assert "as JSON" in post("bea", dataset, {"frame": "x"}).json()["error"]
    assert "in, out or unsure" in post("bea", dataset, row(frames[0], "")).json()["error"]
    assert post("bea", dataset, row(frames[0], "in"), user=1_000_000).status_code == 403
    assert post("vera", dataset, row(frames[0], "in")).status_code == 403
    assert not Review.objects.filter(is_opinion=True).exists()


def test_it_shows_both_words_and_the_agreement(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    page = as_("olga").get(url("conflicts", dataset)).content.decode()
    assert "No conflict is open" in page and "How far people agree" not in page
    post("bea", dataset, row(frames[0], "in"), row(frames[5], "in"), row(frames[9], "out"))
    items = as_("olga").get(url("conflicts", dataset, "?part=items")).json()["items"]
    words = {item["frame"]: [(w["who"], w["verdict"], w["reason"]) for w in item["words"]] for item in items}
    assert words == {
        frames[0].pk: [("ana", "out", "advertisement"), ("bea", "in", "")],
        frames[9].pk: [("ana", "in", ""), ("bea", "out", "")],
    }
    page = as_("vera").get(url("conflicts", dataset)).content.decode()
    assert "ana and bea" in page and "How far people agree" in page and "interval is rough" in page
    assert "You may look here" in page


def test_it_shows_the_way_there_on_the_review_page(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    page = as_("bea").get(url("review", dataset)).content.decode()
    assert url("second-look", dataset) in page and '<span class="badge tabular">3</span>' in page
    Dataset.objects.update(second_share=0)
    SecondLook.objects.all().delete()
    assert url("second-look", dataset) not in as_("bea").get(url("review", dataset)).content.decode()
    assert frames


def test_it_takes_the_share_from_the_settings(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, _ = cup
    page = as_("olga").get(url("dataset-settings", dataset)).content.decode()
    assert 'name="second_percent" value="100"' in page
    sent = {"name": "Cup", "sampling_mode": "seconds", "sampling_step": "1", "target_percent": "95", "bars": "crop",
            "input_height": 60, "input_width": 80, "reasons": "advertisement"}  # fmt: skip
    as_("olga").post(url("dataset-settings", dataset), sent | {"second_percent": "12.5"})
    dataset.refresh_from_db()
    assert dataset.second_share == 0.125
    as_("olga").post(url("dataset-settings", dataset), sent)  # an older form that knows nothing of it
    dataset.refresh_from_db()
    assert dataset.second_share == 0.125


def test_it_tells_opinions_apart_in_the_log_of_the_api(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    post("bea", dataset, row(frames[0], "in"))
    log = as_("olga").get(f"/api/v1/datasets/{dataset.slug}/reviews").json()["reviews"]
    assert [(each["user"], each["is_opinion"]) for each in log][-1] == ("bea", True)
    assert [each["is_opinion"] for each in log[:-1]] == [False] * 3
    found = as_("olga").get(f"/api/v1/datasets/{dataset.slug}/agreement").json()
    assert (found["frames"], found["agreed"], found["kappa"]) == (1, 0, 0.0)
    assert found["pairs"][0]["people"] == ["ana", "bea"]


def test_it_keeps_opinions_out_of_the_verdict_of_an_export(cup: tuple[Dataset, list[Frame]]) -> None:
    from curation.export_rows import ExportFilters, Snapshot, rows

    dataset, frames = cup
    post("bea", dataset, row(frames[0], "in"))
    first = next(iter(rows(Snapshot.now(dataset), ExportFilters())))
    assert (first["verdict"], first["review_count"], first["reviewed_by"]) == ("out", 1, "ana")
