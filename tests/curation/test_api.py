"""The JSON API: the same rules and permissions as the pages, in JSON."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from curation.models import Dataset, Export, Frame, Review
from tests.conftest import signed_in
from tests.curation.review_rows import dataset_with_three_scores, make_dataset, make_video, scored_dataset

pytestmark = pytest.mark.django_db
BASE = "/api/v1/datasets"


def client_of(name: str) -> Client:
    return signed_in(User.objects.get(username=name))


def cup() -> tuple[Dataset, list[Frame]]:
    return scored_dataset([10.0, 60.0, 30.0, 90.0, 90.0], ana="curator", vic="viewer")


def post(client: Client, path: str, body: object) -> Any:
    return client.post(f"{BASE}{path}", json.dumps(body), content_type="application/json")


def test_it_asks_strangers_to_sign_in() -> None:
    cup()
    answer = Client().get(f"{BASE}/cup/frames")
    assert answer.status_code == 401 and "Sign in" in answer.json()["error"]


@pytest.mark.parametrize("path", ["", "/videos", "/models", "/frames", "/reviews", "/exports", "/exports/1"])
def test_it_hides_a_foreign_dataset(path: str) -> None:
    cup()
    make_dataset("other", bob="admin")
    answer = client_of("bob").get(f"{BASE}/cup{path}")
    assert answer.status_code == 404 and answer.json()["error"]


def test_it_lists_only_datasets_one_is_a_member_of() -> None:
    cup()
    make_dataset("other", bob="admin")
    assert [row["slug"] for row in client_of("bob").get(BASE).json()] == ["other"]
    assert client_of("ana").get(BASE).json()[0]["threshold"] == 50.0


def test_it_walks_the_frames_worst_first_page_by_page() -> None:
    cup()
    client, seen, after = client_of("vic"), [], ""
    while True:
        page = client.get(f"{BASE}/cup/frames", {"limit": 2} | ({"after": after} if after else {})).json()
        seen += [(row["reconstruction_loss"], row["id"]) for row in page["frames"]]
        if (after := page["next"]) is None:
            break
    assert [loss for loss, _ in seen] == [90.0, 90.0, 60.0, 30.0, 10.0]
    assert len({frame for _, frame in seen}) == 5


def test_it_sorts_frames_by_any_score_and_says_by_which() -> None:
    dataset = dataset_with_three_scores()
    client = client_of("ana")
    for name, field in (("loss", "reconstruction_loss"), ("ood", "ood_score"), ("probability", "probability")):
        page = client.get(f"{BASE}/cup/frames?sort={name}&limit=20").json()
        values = [row[field] for row in page["frames"]]
        assert page["sorted_by"] == field and values == sorted(values, reverse=True)
        assert [row["is_outlier"] for row in page["frames"]] == [value > page["threshold"] for value in values]
    dataset.model_versions.get().calibrations.all().delete()
    page = client.get(f"{BASE}/cup/frames", {"sort": "probability_asc"}).json()
    assert page["sorted_by"] == "ood_score" and page["frames"][0]["ood_score"] == -0.5
    Dataset.objects.update(flag_by="ood_score")
    assert client.get(f"{BASE}/cup/frames").json()["sorted_by"] == "ood_score"
    assert client.get(f"{BASE}/cup").json()["flag_by"] == "ood_score"
    assert client.get(f"{BASE}/cup/frames", {"sort": "kl"}).status_code == 422


def test_it_gives_the_thresholds_of_every_score_without_the_quantiles() -> None:
    dataset = dataset_with_three_scores()
    version = dataset.model_versions.get()
    version.thresholds["ood_score"] = {"value": 0.5, "low": 0.2, "high": 0.9, "quantiles": [0.1], "per_video": [[0.1]]}
    version.save()
    told = client_of("ana").get(f"{BASE}/cup/models").json()[0]
    assert told["threshold"] == told["thresholds"]["reconstruction_loss"]["value"] == 50.0
    ood = told["thresholds"]["ood_score"]
    assert (ood["low"], ood["high"]) == (0.2, 0.9) and "quantiles" not in ood and "per_video" not in ood


def test_it_filters_frames_and_refuses_filters_it_does_not_know() -> None:
    dataset, _ = cup()
    client = client_of("vic")
    above = client.get(f"{BASE}/cup/frames", {"side": "above"}).json()
    assert [row["is_outlier"] for row in above["frames"]] == [True, True, True]
    assert client.get(f"{BASE}/cup/frames", {"side": "left"}).status_code == 422
    assert client.get(f"{BASE}/cup/frames", {"after": "x~y"}).status_code == 400
    assert client.get(f"{BASE}/cup/frames", {"limit": 501}).status_code == 422
    foreign = make_video(make_dataset("other"), 1)
    assert client.get(f"{BASE}/cup/frames", {"video": foreign.pk}).status_code == 404
    own = dataset.videos.get()
    assert len(client.get(f"{BASE}/cup/frames", {"video": own.pk}).json()["frames"]) == 5


def test_it_records_reviews_and_answers_a_repeat_alike() -> None:
    _, frames = cup()
    client = client_of("ana")
    body = {"reviews": [{"frame": frames[1].pk, "verdict": "out", "uuid": str(uuid4()), "seen": 0}]}
    first = post(client, "/cup/reviews", body).json()["outcomes"][0]
    again = post(client, "/cup/reviews", body).json()["outcomes"][0]
    assert (first["status"], first["verdict"], first["version"]) == ("applied", "out", 1)
    assert (again["status"], again["version"]) == ("repeated", 1)
    assert Review.objects.get().source == "api"


def test_it_tells_who_decided_when_a_review_is_stale() -> None:
    _, frames = cup()
    client = client_of("ana")
    for verdict in ("out", "in"):
        body = {"reviews": [{"frame": frames[1].pk, "verdict": verdict, "uuid": str(uuid4()), "seen": 0}]}
        outcome = post(client, "/cup/reviews", body).json()["outcomes"][0]
    assert (outcome["status"], outcome["by"], outcome["verdict"]) == ("conflict", "ana", "out")
    log = client.get(f"{BASE}/cup/reviews").json()
    assert [row["is_conflict"] for row in log["reviews"]] == [False, True]


def test_it_reads_the_log_from_where_one_stopped() -> None:
    _, frames = cup()
    client = client_of("ana")
    body = {"reviews": [{"frame": f.pk, "verdict": "out", "uuid": str(uuid4()), "seen": 0} for f in frames]}
    post(client, "/cup/reviews", body)
    first = client.get(f"{BASE}/cup/reviews", {"limit": 3}).json()
    rest = client.get(f"{BASE}/cup/reviews", {"limit": 3, "after": first["next"]}).json()
    assert [row["frame"] for row in first["reviews"] + rest["reviews"]] == [frame.pk for frame in frames]
    assert rest["next"] is None


def test_it_lets_viewers_read_and_not_judge() -> None:
    _, frames = cup()
    body = {"reviews": [{"frame": frames[1].pk, "verdict": "out", "uuid": str(uuid4()), "seen": 0}]}
    answer = post(client_of("vic"), "/cup/reviews", body)
    assert answer.status_code == 403 and "role curator" in answer.json()["error"]
    assert not Review.objects.exists()


def test_it_never_touches_a_frame_of_another_dataset() -> None:
    cup()
    foreign = make_video(make_dataset("other"), 1).frames.get()
    body = {"reviews": [{"frame": foreign.pk, "verdict": "out", "uuid": str(uuid4()), "seen": 0}]}
    assert post(client_of("ana"), "/cup/reviews", body).json()["outcomes"][0]["status"] == "missing"
    assert not Review.objects.exists()


BROKEN = [
    {"reviews": [{"frame": 1, "verdict": "perhaps", "uuid": str(uuid4()), "seen": 0}]},
    {"reviews": [{"frame": 2**70, "verdict": "in", "uuid": str(uuid4()), "seen": 0}]},
    {"reviews": [{"frame": 1, "verdict": "in", "uuid": "no", "seen": 0}]},
    {"reviews": [{"frame": 1, "verdict": "in", "uuid": str(uuid4()), "seen": -1}]},
    {"reviews": "none"},
    [],
]


@pytest.mark.parametrize("body", BROKEN)
def test_it_refuses_broken_reviews_with_a_sentence(body: object) -> None:
    cup()
    answer = post(client_of("ana"), "/cup/reviews", body)
    assert answer.status_code == 422 and answer.json()["error"].endswith(".")


def test_it_wants_the_csrf_token_for_what_writes() -> None:
    cup()
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="ana"))
    assert post(client, "/cup/exports", {"format": "csv"}).status_code == 403
    client.get("/login/")
    client.get("/d/cup/")
    token = client.cookies["csrftoken"].value
    answer = client.post(f"{BASE}/cup/exports", "{}", content_type="application/json", headers={"X-CSRFToken": token})
    assert answer.status_code == 202


def test_it_takes_export_requests_and_tells_their_state() -> None:
    cup()
    client = client_of("vic")
    answer = post(client, "/cup/exports", {"format": "json", "verdict": "out"})
    assert answer.status_code == 202
    made = Export.objects.get()
    assert (made.format, made.filters["verdict"]) == ("json", "out")
    told = client.get(f"{BASE}/cup/exports/{answer.json()['id']}").json()
    assert (told["state"], told["download"]) == ("queued", None)
    Export.objects.update(state=Export.State.DONE)
    assert client.get(f"{BASE}/cup/exports").json()[0]["download"] == f"/d/cup/exports/{made.pk}/download/"


def test_it_publishes_its_schema_and_no_docs_page() -> None:
    schema = Client().get("/api/v1/openapi.json").json()
    assert "/api/v1/datasets/{slug}/frames" in schema["paths"]
    assert Client().get("/api/v1/docs").status_code == 404
