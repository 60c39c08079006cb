"""The gallery while frames still arrive: an empty one is a guide, a list in order grows at its end."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from curation.models import Dataset, Frame, Video
from tests.conftest import signed_in
from tests.curation.review_rows import make_dataset, make_version, make_video

pytestmark = pytest.mark.django_db
GROWING = re.compile(r'class="growing is-growing" hx-get="([^"]+)"')


@pytest.fixture
def video() -> Video:
    video = make_video(make_dataset(ana="curator"), 4)
    Video.objects.filter(pk=video.pk).update(state=Video.State.EXTRACTING)
    return video


def client() -> Client:
    return signed_in(User.objects.get(username="ana"))


def shown(url: str = "/d/cup/frames/", *, fragment: bool = False) -> str:
    answer = client().get(url.replace("&amp;", "&"), headers={"HX-Request": "true"} if fragment else {})
    assert answer.status_code == 200
    return answer.content.decode()


def arrive(video: Video, number: int) -> Frame:
    like = video.frames.order_by("number").last()
    assert like is not None
    like.pk, like.number, like.time_s = None, number, float(number)
    like.save()
    return like


def test_it_puts_frames_at_the_end_as_they_arrive_and_ends_with_the_video(video: Video) -> None:
    text = shown()
    assert text.count('class="ghost"') == 12 and "the-end" not in text
    url = GROWING.findall(text)[0]
    nothing = shown(url, fragment=True)
    assert GROWING.findall(nothing) == [url] and "tile-image" not in nothing
    frame = arrive(video, 4)
    more = shown(url, fragment=True)
    assert more.count("tile-image") == 1 and f'id="frame-{frame.pk}"' in more
    assert GROWING.findall(more) != [url]
    Video.objects.filter(pk=video.pk).update(state=Video.State.READY)
    last = shown(GROWING.findall(more)[0], fragment=True)
    assert "growing" not in last and 'class="ghost"' not in last


def test_it_grows_at_its_end_in_the_order_of_the_recordings_alone(video: Video) -> None:
    assert not GROWING.findall(shown("/d/cup/frames/?order=asc"))
    make_version(video.dataset)
    assert not GROWING.findall(shown())


def test_an_empty_one_says_what_comes_next_and_what_is_at_work(video: Video) -> None:
    Frame.objects.all().delete()
    Dataset.objects.update(active_version=None)
    Video.objects.update(frame_count=0)
    text = shown()
    assert 'aria-label="First steps"' in text and 'hx-trigger="every 2s"' in text and 'class="ghost"' in text
    Video.objects.all().delete()
    assert "Start with recordings that show only what belongs" in shown()
