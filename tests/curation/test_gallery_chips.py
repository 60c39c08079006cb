"""What narrows the gallery, as chips: what each says, and where it leads."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict

from curation import gallery_chips, selections
from curation.gallery import GalleryFilters
from curation.models import Dataset, Score, Video
from tests import seed
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def video(dataset: Dataset) -> Video:
    made = seed.video_with_frames(dataset, name="<b>final.mp4")
    seed.version_with_scores(dataset)
    return made


def said(dataset: Dataset, query: str, score: Score = Score.RECONSTRUCTION_LOSS) -> list[tuple[str, str, str]]:
    filters = GalleryFilters.from_query(QueryDict(query), dataset)
    return [(chip.label, chip.fields, chip.query) for chip in gallery_chips.chips(dataset, filters, score)]


def test_it_has_no_chip_for_the_order(video: Video) -> None:
    assert said(video.dataset, "sort=ood_asc") == []


def test_it_says_each_filter_and_leads_to_the_list_without_it(video: Video) -> None:
    query = f"video={video.pk}&verdict=unreviewed&side=above&low=20.0&high=30.0&copies=all&from=25.0"
    labels = ["<b>final.mp4", "Unreviewed", "Above the threshold", "Loss 20.0 to 30.0", "Near copies one by one"]
    found = said(video.dataset, query)
    assert [label for label, _, _ in found] == [*labels, "From loss 25.0"]
    assert [fields for _, fields, _ in found] == ["video", "verdict", "side", "low high", "copies", "from"]
    for _, fields, left in found:
        kept = [part for part in query.split("&") if part.split("=")[0] not in fields.split()]
        assert set(left.split("&")) == set(kept)


def test_it_writes_ends_of_a_range_like_the_score_that_sorts(video: Video) -> None:
    assert said(video.dataset, "low=0.25&sort=probability", Score.PROBABILITY)[0][0] == "Probability from 25 %"
    assert said(video.dataset, "high=1.5&sort=ood", Score.OOD_SCORE)[0][0] == "Outlier score up to +1.50"


def test_it_says_what_a_frozen_list_is_a_list_of(video: Video) -> None:
    frame = video.frames.get(number=1)
    rows = [(pk, 0) for pk in video.frames.values_list("pk", flat=True)]
    like = selections.keep(dataset=video.dataset, user=None, frames=rows, query=f"like={frame.pk}&version=1")
    plain = selections.keep(dataset=video.dataset, user=None, frames=rows, query="side=above")
    assert said(video.dataset, f"selection={like.uuid}")[0][0] == "3 frames like 0:01 <b>final.mp4"
    assert said(video.dataset, f"selection={plain.uuid}") == [("A list of 4 frames", "selection", "")]


def test_it_clears_all_but_the_order(video: Video, viewer: User) -> None:
    filters = GalleryFilters.from_query(QueryDict("verdict=out&low=3&sort=ood_asc"), video.dataset)
    assert gallery_chips.cleared(filters) == "sort=ood_asc"
    html = signed_in(viewer).get(f"/d/{video.dataset.slug}/frames/?verdict=out&low=3").content.decode()
    assert html.count("data-clears=") == 3 and "Clear all" in html
    assert "Clear all" not in signed_in(viewer).get(f"/d/{video.dataset.slug}/frames/?verdict=out").content.decode()
