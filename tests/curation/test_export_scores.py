"""Exports carry every score with its threshold, and the side of the one that flagged when they were asked for."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from curation import exports, reviews, storage, versions
from curation.export_rows import ExportFilters, Snapshot
from curation.leases import work
from curation.models import Dataset, Export, Frame, FrameScore, Job, Review, Score
from tests.curation.review_rows import ask, dataset_with_three_scores, make_version, score

pytestmark = pytest.mark.django_db


@pytest.fixture
def cup() -> Dataset:
    return dataset_with_three_scores()


def rows_of(dataset: Dataset, **filters: Any) -> list[dict[str, Any]]:
    return list(exports.rows(Snapshot.now(dataset), ExportFilters.from_values(dataset, filters)))


def scores_by_frame() -> dict[tuple[int, int], FrameScore]:
    return {
        (row.video_id, row.frame.number): row for row in FrameScore.objects.with_probability().select_related("frame")
    }


@pytest.mark.parametrize("field", Score.values)
def test_it_calls_outlying_what_the_score_that_flags_says(cup: Dataset, field: str) -> None:
    cup.flag_by = field
    FrameScore.objects.update(l1=7.5, variance=300.0)
    limit = 50.0 if field == "reconstruction_loss" else 0.5
    known = scores_by_frame()
    rows = rows_of(cup)
    assert len(rows) == 40
    for row in rows:
        found = known[row["video_id"], row["frame_number"]]
        value = found.value(field)
        assert row["is_outlier"] is (None if value is None else value > limit)
        assert {name: row[name] for name in Score.values} == {name: found.value(name) for name in Score.values}
        assert (row["threshold"], row["ood_threshold"], row["probability_threshold"]) == (50.0, 0.5, 0.5)
        assert (row["flagged_by"], row["l1"], row["variance"]) == (field, 7.5, 300.0)
    above, below = (len(rows_of(cup, side=side)) for side in ("above", "below"))
    assert above == sum(row["is_outlier"] is True for row in rows)
    assert below == sum(row["is_outlier"] is False for row in rows)


def test_it_leaves_thresholds_empty_that_the_version_lacks(cup: Dataset) -> None:
    cup.flag_by = Score.PROBABILITY
    frames = list(Frame.objects.all())
    score(make_version(cup, ood=1.0), {frame.pk: 20.0 for frame in frames})
    row = rows_of(cup)[0]
    assert (row["ood_threshold"], row["probability_threshold"], row["probability"]) == (1.0, None, None)
    assert (row["flagged_by"], row["is_outlier"]) == ("ood_score", True), "what it falls back to is named"


def test_it_keeps_the_thresholds_and_the_score_of_the_moment_of_asking(cup: Dataset, store: str) -> None:
    Dataset.objects.filter(pk=cup.pk).update(flag_by=Score.OOD_SCORE)
    cup.refresh_from_db()
    export = exports.request_export(dataset=cup, by=None, format="json")
    versions.set_flag_by(dataset=cup, score=Score.RECONSTRUCTION_LOSS, by=User.objects.get(username="olga"))
    version = cup.active_version
    assert version is not None
    version.thresholds["ood_score"]["value"] = 99.0
    version.save()
    with work(Job.objects.get(export=export).pk) as lease:
        assert lease is not None
        exports.write(Export.objects.get(pk=export.pk), lease)  # as the worker does: fresh from the table
    export.refresh_from_db()
    assert export.manifest["flagged_by"] == "ood_score"
    assert export.manifest["thresholds"] == {"reconstruction_loss": 50.0, "ood_score": 0.5, "probability": 0.5}
    text = storage.read(export.key).decode()
    flagged = FrameScore.objects.filter(ood_score__gt=0.5).count()
    assert text.count('"flagged_by": "ood_score", "is_outlier": true') == flagged > 0


def test_it_writes_exports_that_were_asked_for_before_there_were_three_scores(cup: Dataset, store: str) -> None:
    export = exports.request_export(dataset=cup, by=None, format="json")
    for name in ("thresholds", "flagged_by"):
        del export.manifest[name]
    export.save()
    with work(Job.objects.get(export=export).pk) as lease:
        assert lease is not None
        exports.write(Export.objects.get(pk=export.pk), lease)  # as the worker does: fresh from the table
    export.refresh_from_db()
    assert export.manifest["thresholds"] == {"reconstruction_loss": 50.0}
    assert export.rows == 40


@pytest.mark.parametrize(("flag_by", "was_flagged"), [("reconstruction_loss", True), ("ood_score", False)])
def test_it_keeps_with_a_verdict_the_side_of_the_score_that_flagged(
    cup: Dataset, flag_by: str, was_flagged: bool
) -> None:
    cup.flag_by = flag_by
    frame = Frame.objects.filter(verdict="").first()
    assert frame is not None
    FrameScore.objects.filter(frame=frame).update(reconstruction_loss=51.0, ood_score=0.4)
    reviews.record(dataset=cup, user=User.objects.get(username="ana"), requests=[ask(frame, "out")])
    assert Review.objects.get().was_flagged is was_flagged


def test_it_falls_back_for_the_side_of_a_verdict_as_the_gallery_does(cup: Dataset) -> None:
    cup.flag_by = Score.PROBABILITY
    frame = Frame.objects.filter(verdict="").first()
    assert frame is not None
    score(make_version(cup, ood=1.0), {frame.pk: 20.0})
    reviews.record(dataset=cup, user=User.objects.get(username="ana"), requests=[ask(frame, "out")])
    assert Review.objects.get().was_flagged is True
