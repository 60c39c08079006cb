"""The upload protocol over HTTP: who may, what is answered, and refusals as one sentence."""

from __future__ import annotations

import urllib.request
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from curation import uploads
from curation.models import Dataset, Job, Upload, Video
from tests.conftest import person, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]
SIZE = uploads.MIN_PART_BYTES + 10


def post(client: Client, path: str, body: Any) -> Any:
    return client.post(path, body, content_type="application/json")


def begin(client: Client, **changes: Any) -> Any:
    asked = {"dataset": "matches", "name": "a.mp4", "size": SIZE, "fingerprint": "a.mp4|1|2", "reference": True}
    return post(client, "/uploads/", asked | changes)


def put(url: str, data: bytes) -> None:
    with urllib.request.urlopen(urllib.request.Request(url, data=data, method="PUT"), timeout=20) as answer:
        assert answer.status == 200


def send(client: Client, upload: str, number: int, length: int) -> None:
    signed = post(client, f"/uploads/{upload}/sign/", {"parts": [number]}).json()
    assert signed["expires_s"] == 900
    put(signed["urls"][str(number)], b"v" * length)


def test_it_takes_a_file_up_part_by_part_and_resumes(dataset: Dataset, curator: User) -> None:
    client = signed_in(curator)
    started = begin(client)
    assert started.status_code == 201
    state = started.json()
    assert (state["part_size"], state["part_count"], state["held"]) == (uploads.MIN_PART_BYTES, 2, [])
    send(client, state["id"], 1, uploads.MIN_PART_BYTES)
    resumed = begin(client)
    assert (resumed.status_code, resumed.json()["id"], resumed.json()["held"]) == (200, state["id"], [1])
    lacking = post(client, f"/uploads/{state['id']}/complete/", {})
    assert (lacking.status_code, lacking.json()["missing"]) == (409, [2])
    send(client, state["id"], 2, 10)
    done = post(client, f"/uploads/{state['id']}/complete/", {}).json()
    video = Video.objects.get()
    assert done == {"video": video.pk, "url": f"/d/matches/videos/{video.pk}/"}
    assert video.is_reference and Job.objects.get().video == video
    assert post(client, f"/uploads/{state['id']}/complete/", {}).json() == done
    assert client.get(f"/uploads/{state['id']}/").json()["state"] == "done"


def test_it_aborts_an_upload(dataset: Dataset, curator: User) -> None:
    client = signed_in(curator)
    upload = begin(client).json()["id"]
    assert client.delete(f"/uploads/{upload}/").status_code == 204
    refused = post(client, f"/uploads/{upload}/sign/", {"parts": [1]})
    assert refused.status_code == 409 and "ended" in refused.json()["error"]


@pytest.mark.parametrize("changes", [{"name": "a.exe"}, {"size": 0}, {"size": 10**15}])
def test_it_refuses_a_file_and_says_kinds_and_limit(dataset: Dataset, curator: User, changes: dict[str, Any]) -> None:
    response = begin(signed_in(curator), **changes)
    assert response.status_code == 400
    assert "mp4" in response.json()["error"] and "GB" in response.json()["error"]
    assert not Upload.objects.exists()


@pytest.mark.parametrize("body", ["[]", "{", '{"size": "12", "dataset": "matches"}', '{"dataset": 4}', "null", b"\xff"])
def test_it_refuses_a_body_that_is_not_the_protocol(dataset: Dataset, curator: User, body: Any) -> None:
    response = post(signed_in(curator), "/uploads/", body)
    assert response.status_code in (400, 404)
    assert response.headers["Content-Type"] == "application/json" or response.status_code == 404


@pytest.mark.parametrize("parts", [[], [0], [3], ["1"], [True], [1] * 51, "1"])
def test_it_refuses_to_sign_parts_that_the_file_does_not_have(dataset: Dataset, curator: User, parts: Any) -> None:
    client = signed_in(curator)
    response = post(client, f"/uploads/{begin(client).json()['id']}/sign/", {"parts": parts})
    assert response.status_code == 400 and response.json()["error"]


def test_it_is_for_curators_of_the_data_set(dataset: Dataset, viewer: User) -> None:
    assert begin(signed_in(viewer)).status_code == 403
    assert begin(signed_in(person("stranger"))).status_code == 404
    assert begin(Client()).status_code == 302
    assert not Upload.objects.exists()


def test_it_keeps_uploads_from_other_people(dataset: Dataset, curator: User, owner: User) -> None:
    upload = begin(signed_in(curator)).json()["id"]
    other = signed_in(owner)
    assert other.get(f"/uploads/{upload}/").status_code == 404
    assert other.delete(f"/uploads/{upload}/").status_code == 404
    assert post(other, f"/uploads/{upload}/sign/", {"parts": [1]}).status_code == 404
    assert post(other, f"/uploads/{upload}/complete/", {}).status_code == 404


def test_it_ends_with_the_role_that_allowed_it(dataset: Dataset, curator: User) -> None:
    client = signed_in(curator)
    upload = begin(client).json()["id"]
    dataset.memberships.update(role="viewer")
    assert post(client, f"/uploads/{upload}/sign/", {"parts": [1]}).status_code == 403


def test_it_answers_in_words_when_the_store_is_away(dataset: Dataset, curator: User, settings: Any) -> None:
    client = signed_in(curator)
    upload = begin(client).json()["id"]
    settings.S3_ENDPOINT = "http://127.0.0.1:9"
    response = client.get(f"/uploads/{upload}/")
    assert response.status_code == 503 and "object store" in response.json()["error"]


def test_it_lists_what_an_earlier_tab_left(dataset: Dataset, curator: User, owner: User) -> None:
    begin(signed_in(curator), name="<i>left</i>.mp4")
    mine = signed_in(curator).get("/d/matches/").content.decode()
    assert "&lt;i&gt;left&lt;/i&gt;.mp4" in mine and "Choose the same file again" in mine
    assert "left&lt;" not in signed_in(owner).get("/d/matches/").content.decode()
