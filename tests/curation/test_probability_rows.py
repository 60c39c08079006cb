"""Writing a fit's probabilities in short transactions: every frame gets its number, and the kept counts follow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.utils import timezone

from curation import gallery, invariants, jobs, leases, probability_rows, tallies, tally_changes
from curation.leases import Lease, LeaseLost
from curation.models import Calibration, FrameProbability, Job, ModelVersion, Score, Tally
from curation.probability_rows import Writing, forget, writing
from curation.reviews import record
from tests.curation.review_rows import ask, calibrate, scored_dataset

Number = tuple[float, int]  # probability, frame id

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(monkeypatch: pytest.MonkeyPatch) -> ModelVersion:
    """100 scored frames without a probability, whose counts are kept; ten rows a transaction, blocks of 30."""
    monkeypatch.setattr(probability_rows, "AT_ONCE", {"sqlite": 10, "postgresql": 10})
    monkeypatch.setattr(probability_rows, "BLOCK", 30)
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


def fresh(version: ModelVersion) -> Calibration:
    """A fit that doesn't stand yet."""
    return Calibration.objects.create(model_version=version, in_reviews=20, out_reviews=10)


def put(rows: Writing, few: list[Number]) -> None:
    rows.write([frame for _, frame in few], [value for value, _ in few])


def stand(fit: Calibration) -> None:
    fit.model_version.calibrations.update(stands=False)
    Calibration.objects.filter(pk=fit.pk).update(stands=True, applied_at=timezone.now())


def numbers(version: ModelVersion, shift: float = 0.0) -> list[Number]:
    frames = version.scores.order_by("pk").values_list("frame_id", flat=True)
    return [((place / 100 + shift) % 1, frame) for place, frame in enumerate(frames)]


def stored(fit: Calibration) -> list[Number]:
    rows = FrameProbability.objects.filter(calibration=fit).order_by("frame_id")
    return list(rows.values_list("value", "frame_id"))


def write(lease: Lease, fit: Calibration, wanted: list[Number]) -> None:
    with writing(lease, fit) as rows:
        for start in range(0, len(wanted), 17):
            put(rows, wanted[start : start + 17])


def all_is_well() -> bool:
    return not [*invariants.counts_are_kept(), *invariants.verdict_copies_agree(), *invariants.copies_agree()]


def test_it_writes_every_number_and_keeps_the_counts(version: ModelVersion, lease: Lease) -> None:
    for shift in (0.0, 0.25):
        fit, wanted = fresh(version), numbers(version, shift)
        write(lease, fit, wanted)
        assert stored(fit) == wanted
        stand(fit)
        assert all_is_well()


def test_it_shows_nothing_of_a_fit_before_it_stands(version: ModelVersion, lease: Lease) -> None:
    first, second = fresh(version), fresh(version)
    write(lease, first, numbers(version))
    stand(first)
    write(lease, second, numbers(version, 0.25))
    filters = gallery.GalleryFilters(sort="probability")
    seen = gallery.page(version.dataset, filters, None)
    assert seen.cards[0].value == 0.99
    assert tallies.of_version(version)[Score.PROBABILITY].sum() == 100
    stand(second)
    assert gallery.page(version.dataset, filters, None).cards[0].frame != seen.cards[0].frame
    assert tallies.of_version(version)[Score.PROBABILITY].sum() == 100


def test_it_clears_away_what_does_not_stand(version: ModelVersion, lease: Lease) -> None:
    first, second, third = fresh(version), fresh(version), calibrate(version)
    Calibration.objects.filter(pk=first.pk).update(applied_at=timezone.now())
    for fit in (first, second, third):
        write(lease, fit, numbers(version))
    told: list[int] = []
    forget(lease, version, told.append)
    assert (stored(first), stored(second), len(stored(third)), sum(told)) == ([], [], 100, 200)
    assert list(version.calibrations.order_by("pk")) == [first, third], "one that stood once is kept as history"
    assert all_is_well()


def test_it_goes_on_when_housekeeping_folds_its_row(version: ModelVersion, lease: Lease) -> None:
    fit, wanted = fresh(version), numbers(version)
    with writing(lease, fit) as rows:
        put(rows, wanted[:50])
        Tally.objects.create(dataset=version.dataset, model_version=version, calibration=fit)
        assert tally_changes.fold()
        put(rows, wanted[50:])
    stand(fit)
    assert stored(fit) == wanted and all_is_well()


def test_it_leaves_a_number_alone_that_is_there_already(version: ModelVersion, lease: Lease) -> None:
    fit, wanted = calibrate(version), numbers(version)
    write(lease, fit, wanted[:60])
    write(lease, fit, [*wanted[60:], *((0.5, frame) for _, frame in wanted[:60])])
    assert stored(fit) == wanted and all_is_well()


def test_it_takes_the_verdict_that_came_between_two_transactions(version: ModelVersion, lease: Lease) -> None:
    fit, wanted = fresh(version), numbers(version)
    frames = {row.frame_id: row.frame for row in version.scores.select_related("frame")}
    with writing(lease, fit) as rows:
        put(rows, wanted[:50])
        late = [ask(frames[wanted[place][1]], "in") for place in (20, 60)]  # written already, and not yet
        record(dataset=version.dataset, user=None, requests=late)
        put(rows, wanted[50:])
    verdicts = FrameProbability.objects.filter(frame__in=[row.frame_id for row in late], calibration=fit)
    assert list(verdicts.values_list("verdict", flat=True)) == ["in", "in"]
    stand(fit)
    assert all_is_well()


def test_it_stops_when_somebody_else_has_the_job(version: ModelVersion, lease: Lease) -> None:
    fit, wanted = fresh(version), numbers(version)
    with pytest.raises(LeaseLost), writing(lease, fit) as rows:
        put(rows, wanted[:30])
        Job.objects.update(fence=None)
        put(rows, wanted[30:60])
    assert len(stored(fit)) == 30


def test_it_begins_to_keep_counts_where_none_were_kept(version: ModelVersion, lease: Lease) -> None:
    Tally.objects.all().delete()
    fit = fresh(version)
    write(lease, fit, numbers(version))
    stand(fit)
    assert len(stored(fit)) == 100 and Tally.objects.exists() and all_is_well()
