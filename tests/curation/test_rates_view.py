"""The page of honest rates, the audit page, and the advice on the review page."""

from __future__ import annotations

import json
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from curation import audit_rates, audits, rates_page, rescoring
from curation.models import AuditSample, Dataset, Frame, FrameScore, GateDecision, ModelVersion, Review, Score
from curation.rates_page import Asked
from tests.conftest import signed_in
from tests.curation.audit_rows import drawn, is_out, judge, recordings, say, score_frames
from tests.curation.review_rows import make_version

pytestmark = pytest.mark.django_db
URL, AUDIT = "/d/cup/rates/", "/d/cup/review/audit/"


def as_(name: str) -> Client:
    return signed_in(User.objects.get(username=name))


def text(client: Client, url: str) -> str:
    return " ".join(client.get(url).content.decode().split())


def test_it_estimates_the_rates_of_all_frames_from_a_third_of_them() -> None:
    dataset = recordings()
    sample = drawn(dataset, frames=110)
    judge(sample)
    found = rates_page.look(dataset, sample, Asked())
    estimates = {row.name: row.estimate for row in found.rows}
    frames = list(Frame.objects.all())
    values = dict(FrameScore.objects.values_list("frame", "ood_score"))
    for name, out in (("tpr", False), ("fpr", True)):
        truth = [values[frame.pk] <= 1.5 for frame in frames if is_out(frame) == out]
        estimate = estimates[name]
        assert estimate is not None and estimate.low <= sum(truth) / len(truth) <= estimate.high
    prevalence = estimates["prevalence"]
    assert prevalence is not None and prevalence.value == pytest.approx(0.2, abs=0.08)
    assert (found.judged_in + found.judged_out, found.is_own, found.score) == (110, True, Score.OOD_SCORE)


def test_it_shows_rates_of_any_version_and_threshold() -> None:
    dataset = recordings()
    other = make_version(dataset, ood=0.5, is_active=False)
    score_frames(dataset, other, out_mean=4.0)
    sample = drawn(dataset)
    judge(sample)
    client = as_("vera")
    page = text(client, URL)
    assert "Of 100 frames that belong, about" in page and "0.95" not in page.split("<h1>")[0]
    assert "Version 2" in page and 'value="1.5"' in page and "Draw more" not in page
    page = text(client, f"{URL}?version=2&by=ood&threshold=1e9")
    assert "Of 100 frames that belong, about 100" in page and "no judged frame lies above the threshold" in page
    assert "Its own threshold" in page
    by_loss = text(client, f"{URL}?by=loss")
    assert 'value="loss" data-autosubmit checked' in by_loss
    assert client.get(f"{URL}?version=9").status_code == 404
    assert client.get(f"{URL}?by=kl").status_code == 400


def test_it_draws_curves_of_the_population_per_reason() -> None:
    dataset = recordings()
    judge(drawn(dataset))
    page = as_("ana").get(URL).content.decode()
    found = re.search(r'id="rates-data" type="application/json">(.*?)</script>', page)
    assert found
    data = json.loads(found[1])
    assert set(data["kinds"]) == {"advertisement", "in"} and data["threshold"] == 1.5
    assert sum(map(sum, data["kinds"].values())) == pytest.approx(320)
    assert data["roc"][-1] == [1.0, 1.0] and len(data["edges"]) == 41


def test_it_says_how_to_begin() -> None:
    dataset = recordings()
    page = text(as_("olga"), URL)
    assert "No audit serves yet" in page and "of the 8 unused videos" in page and 'value="draw"' in page
    assert "An admin of the data set can draw one." in text(as_("ana"), URL)
    dataset.videos.update(is_reference=True)
    assert "none is left to audit" in text(as_("olga"), URL)
    Dataset.objects.update(active_version=None)
    assert "there is none yet" in text(as_("olga"), URL)
    assert "No audit serves" in text(as_("ana"), AUDIT) and "Start one" in text(as_("olga"), AUDIT)


def test_it_draws_tops_up_and_ends_an_audit() -> None:
    recordings()
    client = as_("olga")
    answer = client.post(URL, {"action": "draw", "frames": "60", "share": "50"}, follow=True)
    assert "60 frames of 4 videos are drawn" in answer.content.decode()
    assert (
        "40 more frames are drawn"
        in client.post(URL, {"action": "top-up", "frames": "40"}, follow=True).content.decode()
    )
    assert (
        "audit draws 20 to 5,000" in client.post(URL, {"action": "top-up", "frames": "x"}, follow=True).content.decode()
    )
    assert (
        "serves already"
        in client.post(URL, {"action": "draw", "frames": "60", "share": "50"}, follow=True).content.decode()
    )
    assert "has ended" in client.post(URL, {"action": "end"}, follow=True).content.decode()
    assert "Draw one first" in client.post(URL, {"action": "end"}, follow=True).content.decode()
    assert AuditSample.objects.retired().get().frames.count() == 100


def test_it_serves_frames_blind() -> None:
    dataset = recordings()
    sample = drawn(dataset)
    first = sample.frames.select_related("frame__video__dataset")[0].frame
    say(first, "out", source=Review.Source.GALLERY, reason="advertisement")
    page = as_("ana").get(AUDIT).content.decode()
    payload = re.search(r'id="payload" type="application/json">(.*?)</script>', page)
    assert payload
    items = json.loads(payload[1])
    assert set(items[0]) == {"place", "frame", "seen", "time", "video", "width", "height", "url"}
    found = FrameScore.objects.get(frame=first)
    assert f"{found.ood_score:.2f}" not in page and f"{found.reconstruction_loss:.1f}" not in page
    more = as_("ana").get(f"{AUDIT}?part=items&after={items[-1]['place']}").json()["items"]
    assert more[0]["place"] == (items[-1]["place"] + 1) % 100
    assert "ask an admin" in text(as_("vera"), AUDIT)
    assert "<b>0</b> of 100 judged" in text(as_("ana"), f"{AUDIT}?part=state")


def test_it_records_a_blind_verdict_as_an_ordinary_review() -> None:
    dataset = recordings()
    sample = drawn(dataset)
    item = as_("ana").get(f"{AUDIT}?part=items").json()["items"][0]
    body = {"reviews": [{"frame": item["frame"], "verdict": "in", "seen": item["seen"], "source": "audit",
                         "uuid": "6f1c2f3e-9d6b-4c1a-8a53-0d2f3b4c5d6e"}]}  # fmt: skip
    answer = as_("ana").post("/d/cup/reviews/", body, content_type="application/json")
    assert answer.json()["outcomes"][0]["status"] == "applied"
    row = Review.objects.get()
    assert (row.source, row.verdict, row.user.username if row.user else "") == ("audit", "in", "ana")
    assert audit_rates.load(sample, sample.model_version, Score.OOD_SCORE).frames.tolist() == [item["frame"]]  # type: ignore[arg-type]


def test_it_advises_on_the_review_page() -> None:
    dataset = recordings()
    client = as_("ana")
    assert rates_page.advice(dataset) is None
    answer = client.get(f"{URL}?part=advice", headers={"HX-Request": "true"}).content.decode()
    assert "hidden" in answer and "load" not in answer
    sample = drawn(dataset)
    assert (
        "0 IN and 0 OUT frames are judged"
        in client.get(f"{URL}?part=advice", headers={"HX-Request": "true"}).content.decode()
    )
    judge(sample)
    found = rates_page.advice(dataset)
    assert found is not None and found.state in ("audit", "videos") and "between" in found.sentence
    assert "load, reviewed from:body" in client.get("/d/cup/review/").content.decode()


def test_it_sets_each_version_against_the_reviews_it_could_learn_from() -> None:
    dataset = recordings()
    sample = drawn(dataset, share=0.5)
    judge(sample)
    free = dataset.videos.exclude(pk__in=audits.set_aside(dataset)).first()
    assert free is not None
    for frame in free.frames.select_related("video__dataset")[:10]:
        say(frame, "out" if is_out(frame) else "in", source=Review.Source.GALLERY)
    new = make_version(dataset, ood=1.5, is_active=False)
    score_frames(dataset, new, out_mean=5.0, seed=1)
    found = rates_page.look(dataset, sample, Asked())
    assert [(point.version.number, point.reviews) for point in found.points] == [(1, 0), (2, 10)]
    before, after = (point.rates["fpr"].value for point in found.points)
    assert after < before
    taught = rates_page.lesson(dataset, found.points)
    assert taught is not None and taught.reviews == 10 and taught.gain == pytest.approx(after - before)
    page = text(as_("ana"), URL)
    assert "Versions on this audit" in page and "After each training" in page


# The gate and the API


def two_versions(new_mean: float) -> tuple[Dataset, AuditSample]:
    """A second version whose scores tell OUT frames by `new_mean`, beside the first with 1.0; everything judged."""
    dataset = recordings(out_mean=1.0)
    score_frames(dataset, make_version(dataset, ood=1.5, is_active=False), out_mean=new_mean, seed=1)
    sample = drawn(dataset, frames=160)
    judge(sample)
    return dataset, sample


def gated(dataset: Dataset) -> GateDecision | None:
    dataset.model_versions.filter(number=2).update(state=ModelVersion.State.RESCORING)
    rescoring.finish(dataset.model_versions.get(number=2))
    dataset.refresh_from_db()
    return GateDecision.objects.first()


def test_it_promotes_by_itself_only_what_the_audit_shows_to_be_better() -> None:
    dataset, sample = two_versions(4.0)
    assert gated(dataset) is None and dataset.active_version is not None and dataset.active_version.number == 1
    Dataset.objects.update(promotion=Dataset.Promotion.GATE)
    found = gated(dataset)
    assert found is not None and (found.outcome, found.sample, found.confidence) == ("promoted", sample, 0.95)
    assert dataset.active_version.number == 2 and "AUROC is higher" in found.sentences[0]
    assert "The gate promoted this version" in text(as_("ana"), "/d/cup/models/2/")


def test_it_refuses_what_is_no_better_and_says_why() -> None:
    dataset, _ = two_versions(1.0)
    Dataset.objects.update(promotion=Dataset.Promotion.GATE)
    found = gated(dataset)
    assert found is not None and found.outcome == "refused" and "shows no gain" in found.sentences[0]
    assert dataset.active_version is not None and dataset.active_version.number == 1
    page = text(as_("ana"), "/d/cup/models/2/")
    assert "The gate refused this version" in page and "AUROC by reason" in page and "would refuse it now" in page
    assert "Refused by the gate" in text(as_("ana"), "/d/cup/models/")


def test_it_refuses_a_gain_that_hides_a_loss_on_one_reason() -> None:
    dataset, sample = two_versions(4.0)
    worse = [row.frame for row in sample.frames.select_related("frame__video__dataset") if is_out(row.frame)][:6]
    for frame in worse:
        say(frame, "out", reason="graphics")
    new = dataset.model_versions.get(number=2)
    FrameScore.objects.filter(model_version=new, frame__in=worse).update(ood_score=0.3)
    FrameScore.objects.exclude(model_version=new).filter(frame__in=worse).update(ood_score=2.0)
    Dataset.objects.update(promotion=Dataset.Promotion.GATE, gate_confidence=0.5)
    found = gated(dataset)
    assert found is not None and found.outcome == "refused"
    assert found.figures["auroc"]["low"] > 0, "in all it gains"
    assert any(sentence.startswith("Graphics is told worse") for sentence in found.sentences)
    assert found.figures["reason: advertisement"]["low"] > 0 > found.figures["reason: graphics"]["high"]


def test_it_keeps_the_gate_shut_without_enough_to_go_by() -> None:
    dataset = recordings()
    score_frames(dataset, make_version(dataset, ood=1.5, is_active=False), out_mean=4.0)
    Dataset.objects.update(promotion=Dataset.Promotion.GATE)
    found = gated(dataset)
    assert found is not None and found.outcome == "refused" and "No audit serves" in found.sentences[0]
    GateDecision.objects.all().delete()
    judge(drawn(dataset), 20)
    found = gated(dataset)
    assert found is not None and "the gate needs 10 of each" in found.sentences[0]


def test_it_saves_targets_and_refuses_what_makes_none() -> None:
    recordings()
    client = as_("olga")
    sent = {
        "action": "targets",
        "fpr_percent": "7.5",
        "half_width_percent": "3",
        "promotion": "gate",
        "confidence_percent": "90",
    }
    assert "Targets saved" in client.post(URL, sent, follow=True).content.decode()
    dataset = Dataset.objects.get()
    assert (dataset.target_fpr, dataset.target_half_width, dataset.gate_confidence) == (0.075, 0.03, 0.9)
    assert dataset.promotion == "gate" and 'value="7.5"' in text(client, URL)
    answer = client.post(URL, sent | {"fpr_percent": "200"}, follow=True).content.decode()
    assert "OUT frames that may pass, at most, %: Ensure this value" in answer


def test_it_gives_rates_and_audit_as_json() -> None:
    dataset = recordings()
    client, base = as_("vera"), "/api/v1/datasets/cup"
    assert client.get(f"{base}/audit").status_code == client.get(f"{base}/rates").status_code == 404
    judge(drawn(dataset, frames=110))
    found = client.get(f"{base}/audit").json()
    assert (found["frames"], found["judged"], sum(found["strata"]), len(found["videos"])) == (110, 110, 320, 8)
    rates = client.get(f"{base}/rates").json()
    assert set(rates["rates"]) == {"tpr", "fpr", "precision", "prevalence", "auroc", "average_precision"}
    assert rates["rates"]["fpr"]["low"] < rates["rates"]["fpr"]["value"] < rates["rates"]["fpr"]["high"]
    assert (rates["version"], rates["threshold"], rates["versions"][0]["reviews"]) == (1, 1.5, 0)
    assert client.get(f"{base}/rates?threshold=99").json()["rates"]["tpr"]["value"] == 1.0
    assert client.get(f"{base}/rates?version=7").status_code == 404
    assert client.get(f"{base}/rates?by=kl").status_code == 422
    stranger = signed_in(User.objects.create_user("stan"))
    assert stranger.get(f"{base}/rates").status_code == stranger.get(f"{base}/audit").status_code == 404
