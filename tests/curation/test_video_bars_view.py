"""Black bars on the page of a video and among a data set's settings."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from curation import datasets
from curation.models import Dataset, Job, Video
from curation.problems import Problem
from tests.conftest import signed_in
from tests.curation.review_rows import make_video

pytestmark = pytest.mark.django_db

FOUND = {"left": 60, "top": 0, "right": 62, "bottom": 0}


@pytest.fixture
def video(dataset: Dataset, store: str) -> Video:
    video = make_video(dataset, 3)
    Video.objects.filter(pk=video.pk).update(bars=FOUND, extracted_at=video.created_at)
    return Video.objects.get(pk=video.pk)


def shown(user: User, video: Video) -> str:
    return signed_in(user).get(f"/d/matches/videos/{video.pk}/").content.decode()


@pytest.mark.parametrize(
    ("crop", "found", "keep", "words"),
    [
        ("", FOUND, False, "found automatically: 60 px left, 62 px right"),
        ("", dict.fromkeys(FOUND, 0), False, "none found"),
        ("", None, False, "not looked for yet"),
        ("", dict.fromkeys(FOUND, 0), True, "kept"),
        ("none", FOUND, False, "kept, set by hand"),
        ("0,8,0,9", FOUND, True, "set by hand: 8 px top, 9 px bottom"),
    ],
)
def test_it_says_what_is_cut(
    video: Video, viewer: User, crop: str, found: dict[str, int] | None, keep: bool, words: str
) -> None:
    Video.objects.filter(pk=video.pk).update(crop=crop, bars=found)
    Dataset.objects.update(bars="keep" if keep else "crop")
    assert f'<span id="video-bars">{words}</span>' in shown(viewer, video)


def test_it_shades_what_is_cut(video: Video, viewer: User) -> None:
    assert 'd="M0 0h640v360h-640zM60 0h518v360h-518z"' in shown(viewer, video)
    Video.objects.filter(pk=video.pk).update(crop="none")
    assert "bars-picture" not in shown(viewer, video)


def test_it_tells_the_bars_while_the_page_looks_again(video: Video, viewer: User) -> None:
    again = signed_in(viewer).get(f"/d/matches/videos/{video.pk}/", headers={"HX-Request": "true"}).content.decode()
    assert '<span id="video-bars" hx-swap-oob="outerMorph">found automatically' in again


@pytest.mark.parametrize(
    ("form", "crop"),
    [
        ({"mode": "none"}, "none"),
        ({"mode": "hand", "left": "10", "right": "12"}, "10,0,12,0"),
        ({"mode": "hand"}, "none"),
    ],
)
def test_it_takes_the_frames_again(video: Video, curator: User, form: dict[str, str], crop: str) -> None:
    response = signed_in(curator).post(f"/d/matches/videos/{video.pk}/crop/", form, follow=True)
    assert "being extracted again" in response.content.decode()
    video.refresh_from_db()
    assert (video.crop, video.state) == (crop, Video.State.UPLOADED)
    assert video.jobs.open().get().kind == Job.Kind.EXTRACT


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"mode": "hand", "left": "400", "right": "200"}, "A tenth of the picture"),
        ({"mode": "hand", "left": "-4"}, "Give whole numbers"),
        ({"mode": "hand", "left": "wide"}, "Give whole numbers"),
        ({"mode": "guess"}, "Give whole numbers"),
        ({}, "Give whole numbers"),
    ],
)
def test_it_says_what_is_wrong(video: Video, curator: User, form: dict[str, str], sentence: str) -> None:
    response = signed_in(curator).post(f"/d/matches/videos/{video.pk}/crop/", form, follow=True)
    assert sentence in response.content.decode()
    video.refresh_from_db()
    assert (video.crop, video.revision) == ("", 0)
    assert not Job.objects.exists()


def test_it_shows_the_form_to_those_who_may(video: Video, viewer: User, curator: User) -> None:
    assert "Extract again" not in shown(viewer, video)
    form = shown(curator, video)
    assert 'name="mode" value="auto" checked' in form
    assert 'name="left" value="60"' in form


def test_it_fixes_the_setting_once_there_are_videos(dataset: Dataset, owner: User) -> None:
    settings = "/d/matches/settings/"
    form = {
        "name": "Matches", "sampling_mode": "seconds", "sampling_step": "1", "target_percent": "95", "bars": "keep",
        "input_height": "60", "input_width": "80",
    }  # fmt: skip
    signed_in(owner).post(settings, form)
    dataset.refresh_from_db()
    assert dataset.bars == "keep"
    make_video(dataset, 1)
    signed_in(owner).post(settings, form | {"bars": "crop"})
    dataset.refresh_from_db()
    assert dataset.bars == "keep"
    assert "Fixed since the first video" in signed_in(owner).get(settings).content.decode()
    with pytest.raises(Problem, match="black bars can't change"):
        datasets.change(dataset=dataset, by=owner, target_tpr=0.95, bars="crop")
