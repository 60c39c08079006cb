"""The pages of gallery and frame, thumbnails, and the reviews that come in as JSON."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from curation import explain, storage, tally_changes, thumbnails
from curation.models import Dataset, Frame, Review, Video
from curation.reviews import record
from tests.curation.review_rows import ask, make_dataset, make_version, make_video, score, scored_dataset
from tests.doors import closed_door

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture
def cup() -> tuple[Dataset, list[Frame]]:
    return scored_dataset([float(n) for n in range(100, 0, -1)], ana="curator", bea="curator", vic="viewer")


def client_of(name: str) -> Client:
    client = Client()
    client.force_login(User.objects.get_or_create(username=name)[0])
    return client


def text(response: Any) -> Any:
    assert response.status_code == 200, response.content[:300]
    return response.content.decode()


def send(client: Client, slug: str, *rows: dict[str, Any], **more: Any) -> Any:
    body = json.dumps({"reviews": list(rows)} | more)
    return client.post(reverse("reviews", args=[slug]), body, content_type="application/json")


def row(frame: Frame, verdict: str = "out", **more: Any) -> dict[str, Any]:
    return {"frame": frame.pk, "verdict": verdict, "uuid": str(uuid4()), "seen": 0, "source": "gallery"} | more


# The gallery


def test_it_shows_the_worst_frames_first_and_the_rest_on_demand(cup: tuple[Dataset, list[Frame]]) -> None:
    _, frames = cup
    client = client_of("ana")
    html = text(client.get("/d/cup/frames/"))
    assert html.index(f'id="frame-{frames[0].pk}"') < html.index(f'id="frame-{frames[59].pk}"')
    assert f'id="frame-{frames[60].pk}"' not in html
    after = html.split("after=")[1].split('"')[0]
    rest = text(client.get(f"/d/cup/frames/?after={after}", headers=HTMX))
    assert rest.count("<article") == 40
    assert "all 100 frames." in rest
    assert "<html" not in rest


def test_it_asks_the_database_as_often_for_many_videos_as_for_few(django_assert_max_num_queries: Any) -> None:
    dataset = make_dataset(ana="curator")
    videos = [make_video(dataset, 2, name=f"{n}.mp4") for n in range(40)]
    score(make_version(dataset), {f.pk: float(f.pk) for v in videos for f in v.frames.all()})
    tally_changes.recount(dataset)
    client = client_of("ana")
    with django_assert_max_num_queries(12):
        client.get("/d/cup/frames/")
    with django_assert_max_num_queries(12):
        client.get("/d/cup/frames/", headers=HTMX)


def test_it_keeps_filters_in_the_address_and_in_every_link(cup: tuple[Dataset, list[Frame]]) -> None:
    _, frames = cup
    response = client_of("ana").get("/d/cup/frames/?verdict=unreviewed&side=above&sort=loss&video=", headers=HTMX)
    assert response["HX-Replace-Url"] == "/d/cup/frames/?verdict=unreviewed&side=above"
    assert f"/d/cup/frames/{frames[0].pk}/?verdict=unreviewed&amp;side=above" in text(response)


def test_it_refuses_filters_and_cursors_in_words(cup: tuple[Dataset, list[Frame]]) -> None:
    client = client_of("ana")
    for query in ("sort=frame__video__uploaded_by__password", "verdict=x", "video=-1", "after=zzz"):
        response = client.get(f"/d/cup/frames/?{query}", headers={"Accept": "application/json"})
        assert response.status_code == 400
        assert response.json()["error"]


def test_it_hides_foreign_galleries_and_frames(cup: tuple[Dataset, list[Frame]]) -> None:
    _, frames = cup
    foreign = make_video(make_dataset("other"), 1).frames.get()
    client = client_of("ana")
    assert client.get("/d/other/frames/").status_code == 404
    for tail in ("", "thumb.jpg", "explanation/1/", "explanation/1/input.png"):
        assert client.get(f"/d/other/frames/{foreign.pk}/{tail}").status_code == 404
        assert client.get(f"/d/cup/frames/{foreign.pk}/{tail}").status_code == 404
        assert Client().get(f"/d/cup/frames/{frames[0].pk}/{tail}").status_code == 302


def test_it_shows_frames_before_there_is_a_model_and_says_what_comes() -> None:
    dataset = make_dataset(ana="curator")
    make_video(dataset, 3)
    html = text(client_of("ana").get("/d/cup/frames/"))
    assert html.count("<article") == 3
    assert "Scores come with the first model" in html
    assert reverse("models", args=["cup"]) in html


@pytest.mark.parametrize(("state", "words"), [(None, "Choose reference videos"), ("extracting", "on their way")])
def test_it_says_the_next_step_when_there_is_nothing(state: str | None, words: str) -> None:
    dataset = make_dataset(ana="curator")
    if state:
        make_video(dataset, 0, state=state)
    assert words in text(client_of("ana").get("/d/cup/frames/"))


def test_it_tells_of_new_frames_while_videos_are_on_the_way(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, _ = cup
    client = client_of("ana")
    url = "/d/cup/frames/?part=progress&shown=88&listed=1"
    still = text(client.get(url, headers=HTMX))
    assert "12 new frames scored: show" in still
    assert "every 2s" not in still
    Video.objects.update(state=Video.State.SCORING)
    assert "every 2s" in text(client.get(url, headers=HTMX))
    make_version(dataset)
    assert "Version 2 is active now" in text(client.get(url, headers=HTMX))


def test_it_opens_where_somebody_left(cup: tuple[Dataset, list[Frame]]) -> None:
    _, frames = cup
    html = text(client_of("ana").get(f"/d/cup/frames/?at={frames[80].pk}"))
    assert f'data-starts-at="{frames[80].pk}"' in html
    assert f'id="frame-{frames[79].pk}"' in html
    assert f'id="frame-{frames[2].pk}"' not in html
    assert "Start from the top" in html


def test_it_offers_no_verdicts_to_viewers(cup: tuple[Dataset, list[Frame]]) -> None:
    _, frames = cup
    for path in ("/d/cup/frames/", f"/d/cup/frames/{frames[0].pk}/"):
        assert "data-say=" in text(client_of("ana").get(path))
        assert "data-say=" not in text(client_of("vic").get(path))


# Reviews over the wire


def test_it_records_reviews_and_answers_each(cup: tuple[Dataset, list[Frame]]) -> None:
    _, frames = cup
    answer = send(client_of("ana"), "cup", row(frames[0], "out"), row(frames[1], "in", source="bulk"))
    assert answer.status_code == 200
    assert [o["status"] for o in answer.json()["outcomes"]] == ["applied", "applied"]
    assert answer.json()["outcomes"][0] | {"uuid": ""} == {
        "frame": frames[0].pk, "uuid": "", "status": "applied", "verdict": "out", "reason": "", "version": 1,
        "by": "", "at": None, "message": "",
    }  # fmt: skip


def test_it_answers_409_to_a_single_stale_review_and_404_to_a_foreign_frame(cup: tuple[Dataset, list[Frame]]) -> None:
    _, frames = cup
    foreign = make_video(make_dataset("other"), 1).frames.get()
    send(client_of("ana"), "cup", row(frames[0], "out"))
    stale = send(client_of("bea"), "cup", row(frames[0], "in"))
    assert stale.status_code == 409
    assert stale.json()["outcomes"][0]["by"] == "ana"
    assert send(client_of("ana"), "cup", row(foreign)).status_code == 404
    assert send(client_of("ana"), "cup", row(foreign), row(frames[5])).status_code == 200


def test_it_lets_viewers_and_strangers_decide_nothing(cup: tuple[Dataset, list[Frame]]) -> None:
    _, frames = cup
    assert send(client_of("vic"), "cup", row(frames[0])).status_code == 403
    assert send(client_of("stranger"), "cup", row(frames[0])).status_code == 404
    assert send(Client(), "cup", row(frames[0])).status_code == 302
    assert client_of("ana").get("/d/cup/reviews/").status_code == 405
    assert Review.objects.count() == 0


def test_it_does_not_take_one_persons_verdicts_as_anothers(cup: tuple[Dataset, list[Frame]]) -> None:
    _, frames = cup
    ana = User.objects.get(username="ana")
    refused = send(client_of("bea"), "cup", row(frames[0]), user=ana.pk)
    assert refused.status_code == 403
    assert "signed in as bea" in refused.json()["error"]
    assert send(client_of("ana"), "cup", row(frames[0]), user=ana.pk).status_code == 200
    assert Review.objects.get().user == ana


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{}", "null", '{"reviews": []}', '{"reviews": 3}', '{"reviews": [3]}', '{"reviews": [{"frame": "1"}]}',
     '{"reviews": [{"frame": 1, "verdict": "in", "uuid": "x", "seen": 0}]}',
     '{"reviews": [{"frame": 1, "verdict": "in", "uuid": 7, "seen": 0}]}',
     f'{{"reviews": [{{"frame": 1, "verdict": "in", "uuid": "{uuid4()}", "seen": -1}}]}}',
     f'{{"reviews": [{{"frame": {2**70}, "verdict": "in", "uuid": "{uuid4()}", "seen": 0}}]}}',
     "[" * 50_000],
)  # fmt: skip
def test_it_refuses_malformed_reviews_in_a_sentence(cup: tuple[Dataset, list[Frame]], body: str) -> None:
    answer = client_of("ana").post("/d/cup/reviews/", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["error"]


# One frame


def test_it_shows_score_neighbours_and_log_of_a_frame(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    user = User.objects.get(username="bea")
    record(dataset=dataset, user=user, requests=[ask(frames[1], "in")])
    record(dataset=dataset, user=User.objects.get(username="ana"), requests=[ask(frames[1], "out")])
    html = text(client_of("ana").get(f"/d/cup/frames/{frames[1].pk}/?verdict=unreviewed"))
    assert "99.0" in html
    assert f"/d/cup/frames/{frames[0].pk}/?verdict=unreviewed" in html
    assert f"/d/cup/frames/{frames[2].pk}/?verdict=unreviewed" in html
    assert f"/d/cup/frames/?verdict=unreviewed&amp;at={frames[1].pk}" in html
    assert "said so too late" in html
    assert "correction" in html
    fragment = text(client_of("ana").get(f"/d/cup/frames/{frames[1].pk}/", headers=HTMX))
    assert "<html" not in fragment
    assert 'id="frame"' in fragment


def test_it_shows_hostile_names_as_text(cup: tuple[Dataset, list[Frame]]) -> None:
    _, frames = cup
    Video.objects.update(name='</script><img src=x onerror=alert(1)>".mp4')
    client = client_of("ana")
    for path in ("/d/cup/frames/", f"/d/cup/frames/{frames[0].pk}/"):
        assert "<img src=x" not in text(client.get(path))


def test_it_serves_a_thumbnail_out_of_its_pack(store: str, cup: tuple[Dataset, list[Frame]]) -> None:
    _, frames = cup
    frame = frames[3]
    Frame.objects.filter(pk=frame.pk).update(thumb_offset=4, thumb_bytes=3)
    storage.write(frame.pack.thumbs_key, b"xxxxJPGxxxx")
    response = client_of("vic").get(f"/d/cup/frames/{frame.pk}/thumb.jpg")
    assert (response.content, response["Content-Type"]) == (b"JPG", "image/jpeg")
    assert response["Cache-Control"] == "private, max-age=31536000, immutable"
    other = make_video(Dataset.objects.get(), 1, name="gone.mp4").frames.get()
    assert client_of("vic").get(f"/d/cup/frames/{other.pk}/thumb.jpg").status_code == 404


def test_it_shows_a_placeholder_while_the_object_store_is_away(
    cup: tuple[Dataset, list[Frame]], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, frames = cup
    monkeypatch.setattr(thumbnails, "_away_until", 0.0)
    client = client_of("ana")
    with closed_door() as store:
        settings.S3_ENDPOINT = f"http://127.0.0.1:{store.port}"
        first = client.get(f"/d/cup/frames/{frames[0].pk}/thumb.jpg")
        assert (first.status_code, first["Content-Type"], first["Cache-Control"]) == (200, "image/svg+xml", "no-store")
        knocks = store.knocks
        assert knocks
        for frame in frames[1:10]:
            assert client.get(f"/d/cup/frames/{frame.pk}/thumb.jpg")["Cache-Control"] == "no-store"
        assert store.knocks == knocks
        assert client.get(f"/d/cup/frames/{frames[0].pk}/").status_code == 200
    monkeypatch.setattr(thumbnails, "_away_until", 0.0)


def test_it_waits_for_the_pictures_and_then_shows_them(store: str, cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    frame, version = frames[0], dataset.active_version
    assert version is not None
    client = client_of("ana")
    url = f"/d/cup/frames/{frame.pk}/explanation/1/"
    assert "hx-trigger" in text(client.get(url))
    assert "No worker has answered" in text(client.get(f"{url}?tries=20")) or "queue" in text(client.get(url))
    assert client.get(f"{url}input.png").status_code == 404
    for kind in explain.KINDS:
        storage.write(explain.key(frame, version, kind), b"PNG" + kind.encode())
    ready = text(client.get(f"{url}?next={frames[1].pk}&tries=x"))
    assert "hx-trigger" not in ready
    assert f"{url}heatmap.png" in ready
    picture = client.get(f"{url}heatmap.png")
    assert (picture.content, picture["Content-Type"]) == (b"PNGheatmap", "image/png")
    assert client.get(f"{url}weights.png").status_code == 404
    assert client.get(f"/d/cup/frames/{frame.pk}/explanation/9/").status_code == 404


def test_it_draws_the_score_along_the_video_with_its_peaks(cup: tuple[Dataset, list[Frame]]) -> None:
    _, frames = cup
    html = text(client_of("ana").get(f"/d/cup/frames/{frames[5].pk}/"))
    drawn = json.loads(html.split('id="curve-data" type="application/json">')[1].split("</script>")[0])
    loss = drawn["curves"]["reconstruction_loss"]
    assert loss["points"][0] == [frames[0].pk, 0.0, 100.0, ""]
    assert len(loss["points"]) == 100
    assert (loss["threshold"], drawn["frame"], drawn["time"]) == (50.0, frames[5].pk, 5.0)


def test_it_thins_a_long_curve_without_losing_a_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    from curation import frame_page

    points = [(n, float(n), 1.0, "") for n in range(5000)]
    points[2345] = (2345, 2345.0, 99.0, "out")
    thinned = frame_page._thinned(points)
    assert len(thinned) <= 600
    assert points[2345] in thinned
