"""When the verdicts suffice for probabilities, who asks for them, and what the page says meanwhile."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from curation import calibrations
from curation.models import Calibration, Dataset, Frame, Job
from curation.problems import Problem
from curation.reviews import record
from tests.curation.review_rows import ask, make_dataset, scored_dataset

pytestmark = pytest.mark.django_db


def judged(inside: int, out: int, more: int = 0) -> tuple[Dataset, list[Frame]]:
    """A data set with so many verdicts, and the frames that have none yet."""
    dataset, frames = scored_dataset([float(n) for n in range(inside + out + more)])
    say(dataset, frames[:inside], "in")
    say(dataset, frames[inside : inside + out], "out")
    return dataset, frames[inside + out :]


def say(dataset: Dataset, frames: list[Frame], verdict: str) -> None:
    ana = User.objects.get(username="ana")
    record(dataset=dataset, user=ana, requests=[ask(frame, verdict) for frame in frames])


def fitted(dataset: Dataset) -> Calibration:
    assert dataset.active_version is not None
    return dataset.active_version.calibrations.create(
        in_reviews=20, out_reviews=5, parameters={"kind": "logistic"}, applied_at=timezone.now(), stands=True
    )


def open_jobs() -> int:
    return Job.objects.open().filter(kind=Job.Kind.CALIBRATE).count()


def test_it_says_that_a_model_comes_first() -> None:
    dataset = make_dataset(ana="curator")
    assert calibrations.status(dataset).sentence == calibrations.MODEL_FIRST
    with pytest.raises(Problem, match="first model"):
        calibrations.request(dataset=dataset)


@pytest.mark.parametrize(("inside", "out"), [(24, 0), (21, 4), (4, 30), (12, 12)])
def test_it_asks_for_what_is_missing(inside: int, out: int) -> None:
    dataset, _ = judged(inside, out)
    said = calibrations.status(dataset)
    assert not said.is_ready and f"{inside} IN and {out} OUT" in said.sentence
    with pytest.raises(Problem, match="verdicts"):
        calibrations.request(dataset=dataset)
    assert open_jobs() == 0


def test_it_learns_by_itself_from_the_twenty_fifth_verdict_on() -> None:
    dataset, rest = judged(19, 5, more=1)
    assert open_jobs() == 0
    say(dataset, rest, "in")
    assert open_jobs() == 1
    assert "being worked out" in calibrations.status(dataset).sentence


def test_it_waits_for_ten_new_verdicts_before_it_learns_again() -> None:
    dataset, rest = judged(20, 5, more=10)
    Job.objects.all().delete()
    fitted(dataset)
    assert "all there are" in calibrations.status(dataset).sentence
    say(dataset, rest[:9], "out")
    assert open_jobs() == 0
    assert "9 verdicts came after that" in calibrations.status(dataset).sentence
    say(dataset, rest[9:], "out")
    assert open_jobs() == 1


def test_it_writes_the_numbers_anew_the_less_often_the_more_it_knows() -> None:
    dataset, rest = judged(20, 5, more=12)
    Job.objects.all().delete()
    known = fitted(dataset)
    Calibration.objects.filter(pk=known.pk).update(in_reviews=200, out_reviews=40)
    say(dataset, rest[:11], "out")
    assert open_jobs() == 0
    say(dataset, rest[11:], "out")
    assert open_jobs() == 1


def test_it_learns_at_once_when_asked() -> None:
    dataset, _ = judged(20, 5)
    Job.objects.all().delete()
    fitted(dataset)
    first = calibrations.request(dataset=dataset, by="ana")
    assert calibrations.request(dataset=dataset, by="ana") == first and first.requested_by == "ana"


def test_it_counts_a_verdict_that_came_while_it_was_learning() -> None:
    dataset, _ = judged(20, 5)
    Job.objects.all().delete()
    calibration = fitted(dataset)
    Calibration.objects.filter(pk=calibration.pk).update(created_at=timezone.now() - dt.timedelta(hours=1))
    assert calibrations.status(dataset).new_reviews == 25
    assert "25 verdicts came after that" in calibrations.status(dataset).sentence


def test_it_tells_why_the_last_attempt_found_nothing() -> None:
    dataset, _ = judged(20, 5)
    Job.objects.all().delete()
    assert dataset.active_version is not None
    dataset.active_version.calibrations.create(in_reviews=20, out_reviews=5, note="The features are missing.")
    said = calibrations.status(dataset)
    assert not said.is_ready and said.sentence == "The features are missing."


def test_it_shows_the_way_to_the_first_fit_and_then_how_fresh_it_is(client: Client) -> None:
    dataset, _ = judged(24, 0)
    client.force_login(User.objects.get(username="ana"))
    url = reverse("calibrate", args=[dataset.slug])
    page = client.get(url).content.decode()
    assert "24 IN and 0 OUT" in page and 'value="0.000"' in page and "Learn from all verdicts now" not in page
    fitted(dataset)
    Calibration.objects.update(created_at=timezone.now() - dt.timedelta(hours=1))
    page = client.get(url).content.decode()
    assert "20 IN and 5 OUT" in page and "Learn from all verdicts now" in page
    client.post(url)
    assert "every 2s" not in client.get(url).content.decode()  # 24 IN and no OUT are still too few


def test_it_learns_when_the_button_is_pressed(client: Client) -> None:
    dataset, _ = judged(20, 5)
    Job.objects.all().delete()
    client.force_login(User.objects.get(username="ana"))
    url = reverse("calibrate", args=[dataset.slug])
    assert client.post(url).status_code == 302 and open_jobs() == 1
    assert "every 2s" in client.get(url).content.decode()
