"""Members: adding, new accounts, roles, removal; one admin always stays."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from curation import members
from curation.models import Dataset, Membership, Role
from curation.problems import Problem
from tests.conftest import person, signed_in

pytestmark = pytest.mark.django_db
URL = "/d/matches/members/"


def role_in(dataset: Dataset, user: User) -> str:
    return Membership.objects.get(dataset=dataset, user=user).role


def test_it_adds_an_account_with_a_role(dataset: Dataset, owner: User) -> None:
    zoe = person("zoe")
    assert signed_in(owner).post(URL, {"username": "zoe", "role": "viewer"}).status_code == 302
    assert role_in(dataset, zoe) == Role.VIEWER


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"username": "nobody", "role": "viewer"}, "No account is called"),
        ({"username": "olga", "role": "viewer"}, "is a member already"),
        ({"username": "olga", "role": "king"}, "valid choice"),
        ({"username": "olga", "role": "viewer", "is_new": "on"}, "already exists"),
        ({"username": "not a name!", "role": "viewer", "is_new": "on"}, "valid username"),
    ],
)
def test_it_refuses_with_a_sentence(dataset: Dataset, owner: User, asked: dict[str, str], words: str) -> None:
    response = signed_in(owner).post(URL, asked)
    assert response.status_code == 400 and words in response.content.decode()


def test_it_makes_an_account_whose_password_is_shown_once(dataset: Dataset, owner: User) -> None:
    response = signed_in(owner).post(URL, {"username": "newcomer", "role": "curator", "is_new": "on"})
    found = re.search(r'id="new-password">([^<]+)<', response.content.decode())
    assert found and "no-store" in response["Cache-Control"]
    assert Client().login(username="newcomer", password=found[1])
    assert role_in(dataset, User.objects.get(username="newcomer")) == Role.CURATOR
    assert found[1] not in signed_in(owner).get(URL).content.decode()


def test_it_changes_a_role_and_removes(dataset: Dataset, owner: User, viewer: User) -> None:
    membership = Membership.objects.get(dataset=dataset, user=viewer)
    client = signed_in(owner)
    client.post(f"{URL}{membership.pk}/", {"role": "admin"})
    assert role_in(dataset, viewer) == Role.ADMIN
    client.post(f"{URL}{membership.pk}/", {"remove": "1"})
    assert not Membership.objects.filter(pk=membership.pk).exists()
    assert User.objects.filter(pk=viewer.pk).exists()


@pytest.mark.parametrize("change", [{"role": "viewer"}, {"remove": "1"}])
def test_it_never_leaves_a_data_set_without_an_admin(dataset: Dataset, owner: User, change: dict[str, str]) -> None:
    membership = Membership.objects.get(dataset=dataset, user=owner)
    page = signed_in(owner).post(f"{URL}{membership.pk}/", change, follow=True).content.decode()
    assert "the only admin" in page
    assert role_in(dataset, owner) == Role.ADMIN


def test_it_lets_one_of_two_admins_go(dataset: Dataset, owner: User) -> None:
    second = Membership.objects.create(dataset=dataset, user=person("second"), role=Role.ADMIN)
    members.remove(membership=second)
    with pytest.raises(Problem, match="only admin"):
        members.remove(membership=Membership.objects.get(user=owner))


def test_it_is_for_admins(dataset: Dataset, curator: User, viewer: User) -> None:
    for who in (curator, viewer):
        assert signed_in(who).get(URL).status_code == 403
        assert signed_in(who).post(URL, {"username": "carla", "role": "admin"}).status_code == 403


def test_it_hides_memberships_of_other_data_sets(dataset: Dataset, owner: User, viewer: User) -> None:
    other = Dataset.objects.create(name="Other", slug="other")
    foreign = Membership.objects.create(dataset=other, user=viewer, role=Role.ADMIN)
    assert signed_in(owner).post(f"{URL}{foreign.pk}/", {"remove": "1"}).status_code == 404
