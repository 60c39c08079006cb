"""How SQLite reads a page of the gallery: from an index in the page's order, or one video's rows and no others."""

from __future__ import annotations

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from curation import gallery
from curation.gallery import GalleryFilters
from curation.models import Dataset
from tests.curation.review_rows import dataset_with_three_scores

pytestmark = pytest.mark.django_db


@pytest.fixture
def cup() -> Dataset:
    return dataset_with_three_scores()


def filters(query: str) -> GalleryFilters:
    return GalleryFilters.from_query(QueryDict(query))


INDEXES = {"loss": "score_by_loss", "ood": "score_by_ood", "probability": "probability_by_value"}
BY_VERDICT = {"loss": "score_by_verdict", "ood": "score_by_verdict_ood", "probability": "probability_by_verdict"}


def plans(dataset: Dataset, query: str, cursor: str | None) -> list[str]:
    """What SQLite would do for the queries of a page: a line per step."""
    with CaptureQueriesContext(connection) as asked:
        gallery.page(dataset, filters(query), cursor, 5)
    steps = []
    for each in asked.captured_queries:
        if "INNER JOIN" in each["sql"]:
            with connection.cursor() as cursor_:
                cursor_.execute("EXPLAIN QUERY PLAN " + each["sql"].replace("%", "%%"))
                steps += [str(row[3]) for row in cursor_.fetchall()]
    return steps


@pytest.mark.parametrize("name", ["loss", "ood", "probability"])
@pytest.mark.parametrize("direction", ["", "_asc"])
@pytest.mark.parametrize("query", ["", "side=above", "side=below", "verdict=unreviewed", "verdict=out&side=above"])
def test_it_reads_pages_from_an_index_that_is_in_their_order(
    cup: Dataset, name: str, direction: str, query: str
) -> None:
    asked = f"{query}&sort={name}{direction}"
    index = (BY_VERDICT if "verdict" in query else INDEXES)[name]
    first = gallery.page(cup, filters(asked), None, 5)
    for cursor in (None, first.next_cursor):
        steps = plans(cup, asked, cursor)
        assert [step for step in steps if index in step], steps
        assert not [step for step in steps if "TEMP B-TREE" in step or "SCAN" in step], steps


@pytest.mark.parametrize("name", ["loss", "ood", "probability"])
@pytest.mark.parametrize("query", ["", "side=above", "side=below", "verdict=unreviewed", "verdict=reviewed"])
def test_it_reads_only_the_video_that_is_asked_for(cup: Dataset, name: str, query: str) -> None:
    """Without an index in the order of this score, sorting one video's rows beats walking everybody's."""
    asked = f"video={cup.videos.get(name='15.mp4').pk}&sort={name}&{query}"
    first = gallery.page(cup, filters(asked), None, 2)
    for cursor in (None, first.next_cursor):
        steps = plans(cup, asked, cursor)
        reads = [step for step in steps if "curation_framescore" in step]
        assert reads and all("video_id=?" in step for step in reads), steps
