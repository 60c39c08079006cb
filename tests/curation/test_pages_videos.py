"""The list of videos and the page of one: states in words, live parts, reference mark, retry, removal."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from curation import video_list
from curation.models import Dataset, Frame, Job, Video
from curation.problems import Problem
from tests.conftest import signed_in
from tests.curation.review_rows import make_version, make_video, score

pytestmark = pytest.mark.django_db
HTMX: dict[str, Any] = {"headers": {"HX-Request": "true"}}
LIVE = "every 1s"


def page(client: Client, path: str = "/d/matches/", **more: Any) -> str:
    response = client.get(path, **more)
    assert response.status_code == 200
    return response.content.decode()


def test_it_shows_file_names_as_text(dataset: Dataset, viewer: User) -> None:
    make_video(dataset, 1, name="<script>alert(1)</script>.mp4")
    assert "<script>alert" not in page(signed_in(viewer))


def test_it_looks_again_only_while_something_is_in_progress(dataset: Dataset, viewer: User) -> None:
    video = make_video(dataset, 4, state=Video.State.EXTRACTING)
    assert LIVE in page(signed_in(viewer), **HTMX)
    Video.objects.filter(pk=video.pk).update(state=Video.State.READY)
    assert LIVE not in page(signed_in(viewer), **HTMX)


def test_it_answers_htmx_with_the_list_alone(dataset: Dataset, viewer: User) -> None:
    make_video(dataset, 1)
    fragment = page(signed_in(viewer), **HTMX)
    assert "<html" not in fragment and 'id="videos"' in fragment and 'hx-swap-oob="outerMorph"' in fragment
    assert 'hx-swap-oob="outerMorph"' not in page(signed_in(viewer))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (Video.State.UPLOADED, "waiting for a worker"),
        (Video.State.EXTRACTING, "Extracting"),
        (Video.State.EXTRACTED, "Waiting for a model"),
        (Video.State.SCORING, "Scoring"),
        (Video.State.READY, "Ready"),
        (Video.State.READY_WITH_WARNING, "Ready, with a warning"),
        (Video.State.FAILED, "Failed"),
    ],
)
def test_it_says_every_state_in_words(dataset: Dataset, viewer: User, state: Video.State, words: str) -> None:
    video = make_video(dataset, 0 if state == Video.State.UPLOADED else 3, state=state)
    Video.objects.filter(pk=video.pk).update(note="Only 12 of 90 minutes could be decoded.")
    shown = page(signed_in(viewer))
    assert words in shown
    assert ("Only 12 of 90" in shown) == (state not in video_list.WORKING)


def test_it_puts_every_video_under_exactly_one_state_of_the_list() -> None:
    settled = {Video.State.EXTRACTED, Video.State.READY, Video.State.READY_WITH_WARNING, Video.State.FAILED}
    assert set(video_list.WORKING) | settled == set(Video.State)
    assert not set(video_list.WORKING) & settled


def test_it_filters_and_counts(dataset: Dataset) -> None:
    make_video(dataset, 1, name="a")
    make_video(dataset, 0, name="b", state=Video.State.FAILED)
    found = video_list.build(dataset, show="failed")
    assert [row.video.name for row in found.rows] == ["b"]
    assert {choice.value: choice.count for choice in found.choices} == {
        "": 2, "reference": 0, "unsorted": 2, "working": 0, "failed": 1,
    }  # fmt: skip


def test_it_pages_through_all_videos_without_a_gap(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_list, "PAGE_SIZE", 2)
    names = [make_video(dataset, 0, name=f"v{n}").name for n in range(5)]
    seen: list[str] = []
    before = ""
    while True:
        found = video_list.build(dataset, before=before)
        seen += [row.video.name for row in found.rows]
        if found.next_before is None:
            break
        before = str(found.next_before)
    assert seen == names[::-1]


@pytest.mark.parametrize("query", ["show=nonsense", "before=x", "before=" + "9" * 40])
def test_it_refuses_a_broken_address_with_a_sentence(dataset: Dataset, viewer: User, query: str) -> None:
    response = signed_in(viewer).get(f"/d/matches/?{query}")
    assert response.status_code == 400
    assert "Traceback" not in response.content.decode()


def test_it_asks_the_database_as_often_for_many_videos_as_for_few(dataset: Dataset, viewer: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            page(signed_in(viewer))
        return len(asked)

    make_video(dataset, 2)
    few = queries()
    for n in range(12):
        make_video(dataset, 2, name=f"v{n}")
    assert queries() <= few


def test_it_takes_a_cover_from_within_the_video(dataset: Dataset) -> None:
    video = make_video(dataset, 9)
    cover = video_list.rows_of([video])[0].cover
    assert cover is not None and cover.number == 3


def test_it_marks_a_video_as_reference_and_back(dataset: Dataset, curator: User) -> None:
    video = make_video(dataset, 1)
    client = signed_in(curator)
    url = f"/d/matches/videos/{video.pk}/reference/"
    response = client.post(url, {"reference": "1"}, **HTMX)
    assert 'aria-pressed="true"' in response.content.decode()
    video.refresh_from_db()
    assert video.is_reference
    assert client.post(url, {"reference": "0"})["Location"] == f"/d/matches/videos/{video.pk}/"
    video.refresh_from_db()
    assert not video.is_reference


def test_it_retries_a_failed_video(dataset: Dataset, curator: User) -> None:
    video = make_video(dataset, 0, state=Video.State.FAILED)
    response = signed_in(curator).post(f"/d/matches/videos/{video.pk}/retry/", **HTMX)
    assert response.status_code == 200
    video.refresh_from_db()
    assert video.state == Video.State.UPLOADED
    assert Job.objects.get(video=video).kind == Job.Kind.EXTRACT


def test_it_refuses_to_retry_what_did_not_fail_with_a_toast(dataset: Dataset, curator: User) -> None:
    video = make_video(dataset, 1)
    response = signed_in(curator).post(f"/d/matches/videos/{video.pk}/retry/", **HTMX)
    assert response.status_code == 409
    assert response["HX-Retarget"] == "#toasts"
    assert "Only a failed video" in response.content.decode()


@pytest.mark.usefixtures("store")
def test_it_deletes_a_video_for_admins_only(dataset: Dataset, curator: User, owner: User) -> None:
    video = make_video(dataset, 2)
    url = f"/d/matches/videos/{video.pk}/delete/"
    assert signed_in(curator).post(url).status_code == 403
    assert signed_in(owner).get(url).status_code == 405
    assert signed_in(owner).post(url)["Location"] == "/d/matches/"
    assert not Video.objects.exists() and not Frame.objects.exists()


def test_it_shows_the_worst_frames_first_and_a_link_to_watch(dataset: Dataset, viewer: User) -> None:
    video = make_video(dataset, 3)
    version = make_version(dataset)
    ids = list(video.frames.values_list("pk", flat=True))
    score(version, dict(zip(ids, [5.0, 50.5, 20.0], strict=True)))
    shown = page(signed_in(viewer), f"/d/matches/videos/{video.pk}/")
    assert shown.index("50.5") < shown.index("20.0") < shown.index(">5.0<")
    assert "X-Amz-Signature" in shown


def test_it_hides_videos_of_other_data_sets(dataset: Dataset, owner: User) -> None:
    other = make_video(Dataset.objects.create(name="Other", slug="other"), 1)
    client = signed_in(owner)
    assert client.get(f"/d/other/videos/{other.pk}/").status_code == 404
    assert client.get(f"/d/matches/videos/{other.pk}/").status_code == 404


def test_it_offers_viewers_nothing_they_may_not_do(dataset: Dataset, viewer: User) -> None:
    make_video(dataset, 1)
    shown = page(signed_in(viewer))
    assert "upload-input" not in shown and "video-reference" not in shown and "Delete" not in shown


def test_it_refuses_a_list_filter_it_does_not_know(dataset: Dataset) -> None:
    with pytest.raises(Problem, match="can show"):
        video_list.build(dataset, show="x")
