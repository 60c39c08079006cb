"""A verdict OUT may say why, in the data set's own words, and the log keeps it."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from curation import reasons
from curation.exports import Snapshot
from curation.invariants import reasons_go_with_out
from curation.models import Dataset, Frame, Review
from curation.problems import Problem
from curation.review_log import replay
from curation.reviews import Outcome, ReviewRequest, record
from tests.conftest import signed_in
from tests.curation.review_rows import ask, scored_dataset

pytestmark = pytest.mark.django_db


@pytest.fixture
def cup() -> tuple[Dataset, list[Frame]]:
    dataset, frames = scored_dataset([90.0, 70.0, 20.0], ana="curator", bea="curator", olga="admin")
    dataset.reasons = ["advertisement", "American football"]
    dataset.save()
    return dataset, frames


def say(dataset: Dataset, who: str, *requests: ReviewRequest) -> list[Outcome]:
    return record(dataset=dataset, user=User.objects.get(username=who), requests=list(requests))


def state(frame: Frame) -> tuple[str, str]:
    frame.refresh_from_db()
    return frame.verdict, frame.reason


def test_it_keeps_the_reason_with_the_frame_and_in_the_log(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    (outcome,) = say(dataset, "ana", ask(frames[0], reason="advertisement"))
    assert (outcome.status, outcome.verdict, outcome.reason) == ("applied", "out", "advertisement")
    assert state(frames[0]) == ("out", "advertisement")
    say(dataset, "ana", ask(frames[0], seen=1, reason="American football"))
    last = Review.objects.latest("id")
    assert (last.reason, last.previous_reason) == ("American football", "advertisement")
    assert state(frames[0]) == ("out", "American football")


@pytest.mark.parametrize("verdict", ["in", "unsure"])
def test_it_clears_the_reason_with_another_verdict_and_undo_brings_it_back(
    cup: tuple[Dataset, list[Frame]], verdict: str
) -> None:
    dataset, frames = cup
    say(dataset, "ana", ask(frames[0], reason="advertisement"))
    other = ask(frames[0], verdict, seen=1)
    say(dataset, "bea", other)
    assert state(frames[0]) == (verdict, "")
    (undone,) = say(dataset, "bea", ask(frames[0], "", seen=2, undoes=other.client_uuid))
    assert (undone.verdict, undone.reason) == ("out", "advertisement")
    assert state(frames[0]) == ("out", "advertisement")
    assert replay(dataset).wrong == 0


def test_it_refuses_a_reason_without_out_and_one_that_is_not_on_the_list(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    with pytest.raises(Problem, match="Only a verdict OUT"):
        say(dataset, "ana", ask(frames[0], "in", reason="advertisement"))
    with pytest.raises(Problem, match="none of this data set's reasons"):
        say(dataset, "ana", ask(frames[0], reason="cat"))
    assert not Review.objects.exists()


def test_it_answers_a_repeat_after_the_reason_was_renamed(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    request = ask(frames[0], reason="advertisement")
    say(dataset, "ana", request)
    dataset.reasons = ["commercial"]
    dataset.save()
    (again,) = say(dataset, "ana", request)
    assert (again.status, again.reason) == ("repeated", "advertisement")
    assert state(frames[0]) == ("out", "advertisement")


def test_it_tells_who_said_which_reason_in_a_conflict(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    say(dataset, "ana", ask(frames[0], reason="advertisement"))
    (late,) = say(dataset, "bea", ask(frames[0], reason="American football"))
    assert (late.status, late.reason) == ("conflict", "advertisement")
    assert late.message.startswith("ana said OUT (advertisement) at ")
    assert Review.objects.conflicts().get().reason == "American football"
    assert replay(dataset).wrong == 0


def test_it_finds_a_reason_that_the_log_does_not_know(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    say(dataset, "ana", ask(frames[0], reason="advertisement"), ask(frames[1], "in"))
    Frame.objects.filter(pk=frames[0].pk).update(reason="American football")
    Frame.objects.filter(pk=frames[1].pk).update(reason="advertisement")
    sentences = replay(dataset).sentences
    assert any("(American football)" in each and "(advertisement)" in each for each in sentences)
    assert list(reasons_go_with_out()) == [f"Frame {frames[1].pk} has the reason 'advertisement', but is not OUT."]


def test_it_takes_the_reason_over_the_wire_and_shows_it(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    client = signed_in(User.objects.get(username="ana"))

    def post(path: str, **row: object) -> tuple[int, dict[str, object]]:
        rows = [{"frame": frames[0].pk, "uuid": str(uuid4()), "verdict": "out", **row}]
        answer = client.post(path, json.dumps({"reviews": rows}), "application/json")
        return answer.status_code, answer.json()

    code, told = post("/d/cup/reviews/", seen=0, source="gallery", reason="advertisement")
    assert code == 200 and told["outcomes"][0]["reason"] == "advertisement"  # type: ignore[index]
    code, told = post("/api/v1/datasets/cup/reviews", seen=1, reason="American football")
    assert code == 200 and told["outcomes"][0]["reason"] == "American football"  # type: ignore[index]
    code, told = post("/d/cup/reviews/", seen=2, reason="cat")
    assert code == 400 and "advertisement, American football" in str(told["error"])
    log = client.get("/api/v1/datasets/cup/reviews").json()["reviews"]
    assert [(row["reason"], row["previous_reason"]) for row in log][-1] == ("American football", "advertisement")
    assert client.get("/api/v1/datasets/cup").json()["reasons"] == dataset.reasons
    page = client.get("/d/cup/frames/").content.decode()
    assert 'data-reason="American football"' in page and 'data-key-label="OUT: advertisement"' in page
    frame_page = client.get(f"/d/cup/frames/{frames[0].pk}/").content.decode()
    assert "data-why" in frame_page and "American football</span>" in frame_page


def test_it_offers_no_reasons_where_there_are_none(cup: tuple[Dataset, list[Frame]]) -> None:
    _, frames = cup
    Dataset.objects.update(reasons=[])
    client = signed_in(User.objects.get(username="ana"))
    for path in ("/d/cup/frames/", f"/d/cup/frames/{frames[0].pk}/"):
        assert "data-why" not in client.get(path).content.decode()


def test_it_exports_the_reason_of_the_moment(cup: tuple[Dataset, list[Frame]]) -> None:
    from curation.export_rows import ExportFilters, rows

    dataset, frames = cup
    say(dataset, "ana", ask(frames[0], reason="advertisement"))
    moment = Snapshot.now(dataset)
    say(dataset, "ana", ask(frames[0], "in", seen=1))
    assert [row["reason"] for row in rows(moment, ExportFilters())] == ["advertisement", "", ""]
    assert [row["reason"] for row in rows(Snapshot.now(dataset), ExportFilters())] == ["", "", ""]


def test_it_reads_the_list_line_by_line() -> None:
    assert reasons.parse(" advertisement \n\n American   football\n") == ["advertisement", "American football"]
    for text, sentence in (
        ("\n".join("abcdefghij"), "At most 9"),
        ("x" * 61, "at most 60 characters"),
        ("Ads\nads", "stands there twice"),
    ):
        with pytest.raises(Problem, match=sentence):
            reasons.parse(text)


def test_it_edits_the_list_in_the_settings_and_leaves_old_verdicts_alone(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    say(dataset, "ana", ask(frames[0], reason="advertisement"))
    client = signed_in(User.objects.get(username="olga"))
    form = {"name": "Cup", "sampling_mode": "seconds", "sampling_step": "1", "target_percent": "95",
            "bars": "crop", "input_height": "60", "input_width": "80"}  # fmt: skip
    client.post("/d/cup/settings/", {**form, "reasons": "commercial\r\nAmerican football\r\n"})
    dataset.refresh_from_db()
    assert dataset.reasons == ["commercial", "American football"]
    assert state(frames[0]) == ("out", "advertisement")
    answer = client.post("/d/cup/settings/", {**form, "reasons": "Ads\nads"})
    assert answer.status_code == 400 and "stands there twice" in answer.content.decode()
    client.post("/d/cup/settings/", form)  # a script that knows nothing of reasons takes none away
    dataset.refresh_from_db()
    assert dataset.reasons == ["commercial", "American football"]
