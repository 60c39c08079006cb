"""Rewriting probabilities in short transactions: every row gets its number, and the kept counts follow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from curation import invariants, jobs, leases, probability_rows, tally_changes
from curation.leases import Lease, LeaseLost
from curation.models import Dataset, FrameScore, Job, ModelVersion, Tally
from curation.probability_rows import Change, Rewriting
from curation.reviews import record
from tests.curation.review_rows import ask, scored_dataset

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(monkeypatch: pytest.MonkeyPatch) -> ModelVersion:
    """100 scored frames without a probability, whose counts are kept; ten rows a transaction."""
    monkeypatch.setattr(probability_rows, "AT_ONCE", {"sqlite": 10, "postgresql": 10})
    dataset, frames = scored_dataset([float(n) for n in range(100)])
    assert dataset.active_version is not None
    record(dataset=dataset, user=None, requests=[ask(frame) for frame in frames[:7]])
    tally_changes.ensure(dataset.pk, dataset.active_version.pk)
    return dataset.active_version


@pytest.fixture
def lease(version: ModelVersion) -> Iterator[Lease]:
    job = jobs.request(kind=Job.Kind.CALIBRATE, dataset=version.dataset, model_version=version)
    found = leases.claim(job.pk)
    assert found is not None
    yield found


def changes(version: ModelVersion, shift: float = 0.0) -> list[Change]:
    rows = FrameScore.objects.of_version(version).order_by("pk").values_list("pk", "probability")
    return [Change(pk, before, (place / 100 + shift) % 1) for place, (pk, before) in enumerate(rows)]


def stored(version: ModelVersion) -> list[float | None]:
    return list(FrameScore.objects.of_version(version).order_by("pk").values_list("probability", flat=True))


def rewrite(lease: Lease, version: ModelVersion, wanted: list[Change]) -> None:
    with Rewriting(lease, version) as rows:
        for start in range(0, len(wanted), 33):
            rows.write(wanted[start : start + 33])


def test_it_writes_every_number_and_keeps_the_counts_in_one_row(version: ModelVersion, lease: Lease) -> None:
    before = Tally.objects.count()
    for shift in (0.0, 0.25):
        rewrite(lease, version, changes(version, shift))
        assert stored(version) == [(n / 100 + shift) % 1 for n in range(100)]
        assert not list(invariants.counts_are_kept())
    assert Tally.objects.count() == before + 2


def test_it_goes_on_when_housekeeping_folds_its_row(version: ModelVersion, lease: Lease) -> None:
    wanted = changes(version)
    with Rewriting(lease, version) as rows:
        rows.write(wanted[:50])
        assert tally_changes.fold()
        rows.write(wanted[50:])
    assert len(set(stored(version))) == 100 and not list(invariants.counts_are_kept())


def test_it_leaves_a_number_alone_that_is_right_already(version: ModelVersion, lease: Lease) -> None:
    rewrite(lease, version, changes(version))
    with CaptureQueriesContext(
        connection,
    ) as said:
        rewrite(lease, version, changes(version))
    assert not [query for query in said.captured_queries if "UPDATE" in query["sql"]]


def test_it_counts_a_verdict_that_came_between_two_transactions(version: ModelVersion, lease: Lease) -> None:
    wanted = changes(version)
    late = FrameScore.objects.get(pk=wanted[60].pk)
    with Rewriting(lease, version) as rows:
        rows.write(wanted[:50])
        record(dataset=version.dataset, user=None, requests=[ask(late.frame, "in")])
        rows.write(wanted[50:])
    assert not list(invariants.counts_are_kept())


def test_it_stops_when_somebody_else_has_the_job(version: ModelVersion, lease: Lease) -> None:
    wanted = changes(version)
    with pytest.raises(LeaseLost), Rewriting(lease, version) as rows:
        rows.write(wanted[:20])
        Job.objects.update(fence=None)
        rows.write(wanted[20:])
    assert stored(version).count(None) == 80 and not list(invariants.counts_are_kept())


def test_it_writes_where_no_counts_are_kept(version: ModelVersion, lease: Lease) -> None:
    Tally.objects.all().delete()
    rewrite(lease, version, changes(version))
    assert len(set(stored(version))) == 100 and not Tally.objects.exists()
    assert Dataset.objects.filter(pk=version.dataset_id).exists()
