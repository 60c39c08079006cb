"""Near copies in the gallery: folded into a tile with what is said of each, brought out, and chosen with their head."""

from __future__ import annotations

import json
import re

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict

from curation import gallery, selections
from curation.gallery import GalleryFilters
from curation.models import Dataset, Frame, FrameScore, Video
from tests import seed
from tests.conftest import signed_in
from tests.curation.test_gallery_ranges import fold

pytestmark = pytest.mark.django_db


@pytest.fixture
def video(dataset: Dataset) -> Video:
    """Eight frames with losses 10 to 80; frames 3, 4 and 5 nearly repeat frame 2."""
    made = seed.video_with_frames(dataset, frames=8)
    seed.version_with_scores(dataset)
    fold(made.pk, 2, 3)
    return made


def cards(dataset: Dataset, query: str = "") -> dict[int, gallery.Card]:
    found = gallery.page(dataset, GalleryFilters.from_query(QueryDict(query), dataset), None)
    return {card.frame.number: card for card in found.cards}


def numbers(dataset: Dataset, query: str) -> list[int]:
    made = selections.freeze(dataset=dataset, user=None, query=query)
    by_id = dict(Frame.objects.values_list("pk", "number"))
    return [by_id[pk] for pk, _ in selections.frames_of(made)]


def test_it_tells_the_page_what_is_folded_into_a_tile(video: Video, viewer: User) -> None:
    Frame.objects.filter(video=video, number=4).update(verdict="in", review_version=2)
    folded = cards(video.dataset)[2].folded
    assert [row.number for row in folded] == [3, 4, 5]
    html = signed_in(viewer).get(f"/d/{video.dataset.slug}/frames/").content.decode()
    attribute = re.search(r'data-folded="([^"]+)"', html)
    assert attribute is not None
    said = json.loads(attribute[1].replace("&quot;", '"'))
    assert said == [[row.pk, 2 * (row.number == 4), "in" * (row.number == 4), ""] for row in folded]
    assert "with 3 near copies" in html and "4 frames that look alike" in html
    assert "all 8 frames" in html


def test_it_looks_nothing_up_where_nothing_is_folded(video: Video) -> None:
    assert not any(card.folded for card in cards(video.dataset, "copies=all").values())


def test_it_brings_the_copies_of_a_frame_out(video: Video, viewer: User) -> None:
    head = video.frames.get(number=2)
    client = signed_in(viewer)
    html = client.get(f"/d/{video.dataset.slug}/frames/?low=30&part=copies&of={head.pk}").content.decode()
    ids = [int(pk) for pk in re.findall(r'id="frame-(\d+)"', html)]
    assert ids == list(video.frames.filter(number__in=(3, 4, 5)).order_by("number").values_list("pk", flat=True))
    assert "data-folded" not in html and "the-end" not in html
    assert client.get(f"/d/{video.dataset.slug}/frames/?part=copies&of=999999").status_code == 404
    single = video.frames.get(number=0)
    assert "tile" not in client.get(f"/d/{video.dataset.slug}/frames/?part=copies&of={single.pk}").content.decode()


def test_it_chooses_the_copies_with_the_frame_that_they_repeat(video: Video) -> None:
    assert numbers(video.dataset, "") == [7, 6, 2, 3, 4, 5, 1, 0]
    assert numbers(video.dataset, "high=30") == [2, 3, 4, 5, 1, 0]
    assert numbers(video.dataset, "low=40") == [7, 6]  # their head is no match, so no tile stands for them
    assert numbers(video.dataset, "low=40&copies=all") == [7, 6, 5, 4, 3]


def test_it_leaves_a_copy_out_that_was_judged_apart(video: Video) -> None:
    for number, verdict in ((2, "out"), (3, "out"), (4, "in")):
        Frame.objects.filter(video=video, number=number).update(verdict=verdict)
        FrameScore.objects.filter(frame__video=video, frame__number=number).update(verdict=verdict)
    assert numbers(video.dataset, "high=30") == [2, 3, 5, 1, 0]


def test_it_tells_what_is_said_of_frames_by_now(video: Video, viewer: User, owner: User) -> None:
    Frame.objects.filter(video=video, number=1).update(verdict="out", reason="graphics", review_version=3)
    first, second = video.frames.order_by("number")[:2]
    other = seed.video_with_frames(Dataset.objects.create(name="Other", slug="other"), frames=1).frames.get()
    asked = f"{first.pk},{second.pk},{other.pk},x,-1"
    answer = signed_in(viewer).get(f"/d/{video.dataset.slug}/frames/?part=states&frames={asked}").json()
    assert answer == {"frames": {str(first.pk): ["", "", 0], str(second.pk): ["out", "graphics", 3]}}


def test_it_gives_the_tiles_of_a_page_again(video: Video, viewer: User) -> None:
    client, url = signed_in(viewer), f"/d/{video.dataset.slug}/frames/"
    html = client.get(f"{url}?side=below").content.decode()
    begins = re.findall(r'data-page="([^"]+)"', html)
    assert begins == ["side=below&amp;part=cards"]
    tiles = client.get(f"{url}?side=below&part=cards").content.decode()
    assert re.findall(r'id="frame-(\d+)"', tiles) == re.findall(r'id="frame-(\d+)"', html)
    assert "<html" not in tiles
