"""The models page: what the next run learns from, versions and their order, activation, the threshold."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from curation import jobs
from curation.models import Activation, Dataset, Frame, Job, ModelVersion, ScoredPack, TrainingRun, Video
from tests.conftest import signed_in
from tests.curation.review_rows import make_dataset, make_version, make_video, score, scored_dataset
from tests.seed import thresholds

pytestmark = pytest.mark.django_db
ROLES = {"olga": "admin", "carla": "curator", "vera": "viewer"}
PAGE = "/d/cup/models/"


def client_of(name: str) -> Client:
    return signed_in(User.objects.get(username=name))


def cup() -> tuple[Dataset, ModelVersion, ModelVersion]:
    dataset, frames = scored_dataset([10.0, 60.0, 30.0], **ROLES)
    old = dataset.active_version
    assert old is not None
    new = make_version(dataset, is_active=False)
    score(new, {frame.pk: 40.0 for frame in frames})
    for version in (old, new):
        ScoredPack.objects.create(pack=dataset.videos.get().packs.get(), model_version=version)
    ModelVersion.objects.update(thresholds=thresholds(50.0, [0.0, 50.0, 100.0]))
    return dataset, old, new


def text(client: Client, path: str = PAGE) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_it_offers_an_admin_to_retrain_with_what_the_run_would_learn_from() -> None:
    dataset, _, _ = cup()
    video = make_video(dataset, 40, name="reference.mp4")
    Video.objects.filter(pk=video.pk).update(is_reference=True)
    page = text(client_of("olga"))
    assert "Learns from 32 in-distribution frames of 1 video. Held out to measure it: 8 frames of 1 video." in page
    assert 'action="/d/cup/models/train/"' in page and "Frames of few videos look alike" in page


@pytest.mark.parametrize("name", ["carla", "vera"])
def test_it_tells_others_who_may_retrain(name: str) -> None:
    cup()
    page = text(client_of(name))
    assert "Only admins of the data set can start a run: olga." in page
    assert 'action="/d/cup/models/train/"' not in page and "Move threshold" not in page and "/activate/" not in page


def test_it_says_when_a_rescoring_stopped_before_its_end() -> None:
    dataset, _, new = cup()
    ModelVersion.objects.filter(pk=new.pk).update(state=ModelVersion.State.RESCORING, note="The worker died 3 times.")
    job = jobs.request(kind=Job.Kind.RESCORE, dataset=dataset, model_version=new)
    assert "Rescoring" in text(client_of("vera"))
    Job.objects.filter(pk=job.pk).update(state=Job.State.FAILED)
    page = text(client_of("vera"))
    assert "100 % scored" in page and "The worker died 3 times." in page and "every 1s" not in page


def test_it_offers_to_train_on_everything_when_nothing_is_marked() -> None:
    dataset = make_dataset("cup", **ROLES)
    make_video(dataset, 20)
    page = text(client_of("olga"))
    assert "Train on everything: 20 frames" in page and "what the model sees often in training" in page


def test_it_sends_people_to_the_videos_when_there_is_nothing_at_all() -> None:
    make_dataset("cup", **ROLES)
    page = text(client_of("olga"))
    assert "Upload videos first" in page and "Train on everything" not in page


def test_it_starts_a_run_and_shows_it(store: str) -> None:
    dataset = make_dataset("cup", **ROLES)
    make_video(dataset, 40)
    dataset.videos.update(is_reference=True)
    answer = client_of("olga").post(f"{PAGE}train/", {"preset": "small", "epochs": "3", "seed": "7"})
    run = TrainingRun.objects.get()
    assert answer.headers["Location"] == f"/d/cup/runs/{run.pk}/"
    assert (run.config["epochs"], run.config["seed"], run.requested_by) == (3, 7, User.objects.get(username="olga"))
    second = client_of("olga").post(f"{PAGE}train/", {"preset": "small"})
    assert second.status_code == 409 and b"under way" in second.content


BAD_FORMS = [
    ({"preset": "huge"}, "Preset"),
    ({"preset": "small", "epochs": "0"}, "Epochs"),
    ({"preset": "small", "start_from": "999"}, "Start from"),
    ({"preset": "small"}, "Nothing is marked"),
]


@pytest.mark.parametrize(("form", "word"), BAD_FORMS)
def test_it_says_why_a_run_can_not_start(form: dict[str, str], word: str) -> None:
    dataset = make_dataset("cup", **ROLES)
    make_video(dataset, 40)
    answer = client_of("olga").post(f"{PAGE}train/", form)
    assert answer.status_code == 400 and word in answer.content.decode()
    assert not TrainingRun.objects.exists()


def test_it_activates_and_goes_back() -> None:
    dataset, _, _ = cup()
    client = client_of("olga")
    for number in (2, 1):
        page = client.post(f"{PAGE}{number}/activate/", follow=True)
        assert f"Version {number} is active now." in page.content.decode()
        dataset.refresh_from_db()
        assert dataset.active_version is not None and dataset.active_version.number == number
    assert Activation.objects.count() == 2


def test_it_says_why_a_version_can_not_be_activated() -> None:
    cup()
    ModelVersion.objects.filter(number=2).update(state=ModelVersion.State.RESCORING)
    page = client_of("olga").post(f"{PAGE}2/activate/", follow=True)
    assert "Version 2 is still scoring the frames" in page.content.decode()


def test_it_moves_the_threshold_by_the_aimed_share() -> None:
    dataset, old, _ = cup()
    client_of("olga").post(PAGE, {"target_tpr": "80"})
    old.refresh_from_db()
    dataset.refresh_from_db()
    assert old.threshold == pytest.approx(80.0) and dataset.target_tpr == 0.8
    for wrong in ("", "abc", "12", "100", "nan"):
        page = client_of("olga").post(PAGE, {"target_tpr": wrong}, follow=True)
        assert "The target must lie between" in page.content.decode()
    old.refresh_from_db()
    assert old.threshold == pytest.approx(80.0)


@pytest.mark.parametrize("name", ["carla", "vera"])
@pytest.mark.parametrize("path", ["", "train/", "2/activate/"])
def test_it_refuses_what_only_admins_may_do(name: str, path: str) -> None:
    dataset, old, _ = cup()
    assert client_of(name).post(f"{PAGE}{path}", {"target_tpr": "80", "preset": "small"}).status_code == 403
    dataset.refresh_from_db()
    assert dataset.active_version == old and dataset.target_tpr == 0.95 and not Job.objects.exists()


def test_it_answers_htmx_with_the_lists_alone_and_stops_asking_when_nothing_moves() -> None:
    dataset, _, _ = cup()
    client = client_of("vera")
    still = client.get(PAGE, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in still and "hx-trigger" not in still and "Version 2" in still
    TrainingRun.objects.create(dataset=dataset, config={}, state=TrainingRun.State.QUEUED)
    moving = client.get(PAGE, headers={"HX-Request": "true"}).content.decode()
    assert 'hx-trigger="every 1s"' in moving


def test_it_compares_a_candidate_with_the_active_version() -> None:
    cup()
    frame = Frame.objects.order_by("number")[1]
    for scored in frame.scores.all():
        scored.verdict = "in"
        scored.save()
    page = text(client_of("vera"), f"{PAGE}2/")
    assert "Against version 1, the active one" in page
    assert "On 1 reviewed frame version 2 gets 1 more right than version 1." in page
    assert "now right" in page and f"/d/cup/frames/{frame.pk}/thumb.jpg" in page


def test_it_gives_the_histogram_as_numbers() -> None:
    cup()
    told = client_of("vera").get(f"{PAGE}1/?data=histogram").json()
    assert sum(told["counts"]) == 3 and len(told["edges"]) == len(told["counts"]) + 1
    assert (told["threshold"], told["quantiles"]) == (50.0, [0.0, 50.0, 100.0])


@pytest.mark.parametrize("path", ["9/", "2/?with=9", "2/?with=x", "2/?with=99999999999999999999"])
def test_it_knows_only_versions_that_exist(path: str) -> None:
    cup()
    assert client_of("vera").get(f"{PAGE}{path}").status_code == 404
