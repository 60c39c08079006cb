"""A made-up data set is like a real one to every check, and to the pages."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from curation import gallery, invariants, review_log
from curation.models import Dataset, Frame, FrameScore, Segment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]


@pytest.fixture
def load(admin: User) -> Dataset:
    call_command("fill", frames=1500, videos=4, reviewed=0.2)
    return Dataset.objects.get(slug="load")


def test_it_makes_a_data_set_that_passes_every_check(load: Dataset) -> None:
    counts = gallery.counts(load)
    assert (counts.frames, counts.scored, load.videos.count()) == (1500, 1500, 4)
    assert counts.in_ > 100 and counts.above > 0
    assert list(invariants.broken()) == []
    replayed = review_log.replay(load)
    assert (replayed.wrong, replayed.reviews) == (0, counts.reviewed)
    assert Segment.objects.filter(dataset=load, is_outlier=True).exists()
    assert Frame.objects.filter(copies__gt=0).exists() and FrameScore.objects.filter(is_copy=True).exists()


def test_it_leaves_the_tables_as_they_were_declared(load: Dataset) -> None:
    with connection.cursor() as cursor:
        for model in (Frame, FrameScore):
            there = connection.introspection.get_constraints(cursor, model._meta.db_table)
            assert {index.name for index in model._meta.indexes} <= set(there)
    frame = Frame.objects.order_by("-pk")[0]
    assert Frame.objects.create(
        video=frame.video, pack=frame.pack, number=9999, time_s=1, thumb_offset=0, thumb_bytes=1
    )


def test_it_shows_pictures(load: Dataset, admin: User) -> None:
    client = Client()
    client.force_login(admin)
    page = gallery.page(load, gallery.GalleryFilters(), None)
    answer = client.get(f"/d/load/frames/{page.cards[0].frame.pk}/thumb.jpg")
    assert answer.status_code == 200
    assert b"".join(answer).startswith(b"\xff\xd8") if answer.streaming else answer.content.startswith(b"\xff\xd8")
    assert client.get("/d/load/frames/").status_code == 200


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"frames": 3, "videos": 4}, "as many frames as videos"),
        ({"frames": 30, "videos": 4, "reviewed": 2.0}, "between 0 and 1"),
        ({"frames": 30, "videos": 4}, "already"),
    ],
)
def test_it_refuses_in_words(dataset: Dataset, wanted: dict[str, float], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        call_command("fill", dataset=dataset.slug, **wanted)
