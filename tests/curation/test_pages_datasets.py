"""Data sets on their pages: the home page, a new one, its settings, the first steps."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from curation import datasets, next_step
from curation.models import Dataset, Membership, Role, TrainingRun, Video
from curation.problems import Problem
from tests.conftest import signed_in
from tests.curation.review_rows import make_version, make_video, scored_dataset
from tests.seed import thresholds

pytestmark = pytest.mark.django_db
FORM = {
    "name": "Harbour",
    "description": "",
    "sampling_mode": "seconds",
    "sampling_step": "2",
    "bars": "crop",
    "input_height": "60",
    "input_width": "80",
    "target_percent": "97.5",
}


def text_of(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, path
    return response.content.decode()


def test_it_sends_strangers_to_the_sign_in_page_and_back(dataset: Dataset) -> None:
    response = Client().get("/d/matches/")
    assert response.status_code == 302
    assert response["Location"] == "/login/?next=/d/matches/"


def test_it_says_that_user_name_and_password_do_not_match(curator: User) -> None:
    response = Client().post("/login/", {"username": "carla", "password": "wrong"})
    assert "go together" in response.content.decode()


def test_it_lists_only_the_data_sets_of_the_person(dataset: Dataset, curator: User) -> None:
    Dataset.objects.create(name="Not mine", slug="not-mine")
    page = text_of(signed_in(curator), "/")
    assert "Matches" in page and "Not mine" not in page


def test_it_counts_videos_frames_and_reviews_on_the_card() -> None:
    dataset, frames = scored_dataset([9.0, 8.0, 7.0])
    frames[0].verdict = "out"
    frames[0].save()
    person = Membership.objects.filter(dataset=dataset).first()
    assert person is not None
    page = text_of(signed_in(person.user), "/")
    counts = [part.split("<")[0] for part in page.split("<dd>")[1:]]
    assert counts == ["1", "3", "1", "v1"]


def test_it_tells_somebody_without_a_data_set_what_to_do(viewer: User) -> None:
    Dataset.objects.all().delete()
    assert "No data set yet" in text_of(signed_in(viewer), "/")


def test_it_makes_a_data_set_and_its_maker_admin(viewer: User) -> None:
    response = signed_in(viewer).post("/datasets/new/", FORM)
    assert response.status_code == 302 and response["Location"] == "/d/harbour/"
    made = Dataset.objects.get(slug="harbour")
    assert (made.sampling_step, made.target_tpr) == (2.0, 0.975)
    assert Membership.objects.get(dataset=made).role == Role.ADMIN


def test_it_gives_data_sets_of_the_same_name_addresses_of_their_own(owner: User) -> None:
    names = ["Matches", "Matches", "!!!"]
    slugs = [datasets.create(name=name, by=owner).slug for name in names]
    assert slugs == ["matches-2", "matches-3", "data-set"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("target_percent", "100"), ("target_percent", "x"), ("name", ""), ("sampling_step", "0"), ("input_width", "9")],
)
def test_it_answers_a_wrong_setting_with_a_sentence_beside_it(owner: User, field: str, value: str) -> None:
    response = signed_in(owner).post("/datasets/new/", FORM | {field: value})
    assert response.status_code == 400
    assert 'class="error"' in response.content.decode()
    assert not Dataset.objects.filter(slug="harbour").exists()


def test_it_wants_a_whole_number_for_every_nth_frame(owner: User) -> None:
    asked = FORM | {"sampling_mode": "nth", "sampling_step": "2.5"}
    assert "whole number" in signed_in(owner).post("/datasets/new/", asked).content.decode()


def test_it_moves_every_threshold_with_the_target(dataset: Dataset, owner: User) -> None:
    version = make_version(dataset)
    version.thresholds = thresholds(95.0, [float(n) for n in range(101)])
    version.save()
    response = signed_in(owner).post("/d/matches/settings/", FORM | {"name": "Cup", "target_percent": "80"})
    assert response.status_code == 302
    version.refresh_from_db()
    dataset.refresh_from_db()
    assert version.threshold == pytest.approx(80)
    assert (dataset.target_tpr, dataset.name) == (0.8, "Cup")


def test_it_keeps_the_input_size_once_there_are_videos(dataset: Dataset, owner: User) -> None:
    make_video(dataset, 2)
    signed_in(owner).post("/d/matches/settings/", FORM | {"input_width": "160"})
    dataset.refresh_from_db()
    assert dataset.input_width == 80
    with pytest.raises(Problem, match="input size"):
        datasets.change(dataset=dataset, by=owner, target_tpr=0.9, input_width=160)


def test_it_changes_the_password_and_keeps_the_session(curator: User) -> None:
    client = signed_in(curator)
    new = {
        "old_password": "correct horse battery",
        "new_password1": "quite-Another-1",
        "new_password2": "quite-Another-1",
    }
    assert client.post("/password/", new).status_code == 302
    assert client.get("/").status_code == 200
    curator.refresh_from_db()
    assert curator.check_password("quite-Another-1")


def test_it_leads_through_the_first_steps_one_at_a_time(dataset: Dataset, owner: User) -> None:
    def current() -> str | None:
        guide = next_step.guide(Dataset.objects.get(pk=dataset.pk))
        return next(step.title for step in guide.steps if step.is_current) if guide else None

    assert current() == "Upload reference videos"
    video = make_video(dataset, 3)
    video.is_reference = True
    video.save()
    assert current() == "Train a model"
    make_version(dataset)
    assert current() == "Upload unsorted videos"
    unsorted = make_video(dataset, 2, name="b.mp4")
    assert current() == "Review frames"
    unsorted.frames.update(verdict="in")
    assert current() is None


def test_it_asks_for_another_reference_when_the_only_one_failed(dataset: Dataset) -> None:
    dataset.videos.create(name="a", key="uploads/a", size_bytes=1, is_reference=True, state=Video.State.FAILED)
    guide = next_step.guide(dataset)
    assert guide is not None and guide.label == "Choose reference videos" and not guide.steps[0].is_done


def test_it_links_to_the_training_that_is_under_way(dataset: Dataset, owner: User) -> None:
    dataset.videos.create(name="a", key="uploads/a", size_bytes=1, is_reference=True)
    waiting = next_step.guide(dataset)
    assert waiting is not None and waiting.url == "" and "being taken" in waiting.sentence
    run = TrainingRun.objects.create(dataset=dataset, config={})
    guide = next_step.guide(dataset)
    assert guide is not None and guide.url == f"/d/matches/runs/{run.pk}/"
