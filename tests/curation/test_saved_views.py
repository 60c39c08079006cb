"""Saved views: kept, opened, renamed, overwritten, shared, deleted; and whose is whose."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from curation.models import Dataset, Role, SavedView
from tests.conftest import member, signed_in

pytestmark = pytest.mark.django_db
URL = "/d/matches/views/"


def save(user: User, name: str, query: str = "verdict=out&sort=ood", **more: str) -> tuple[int, str]:
    response = signed_in(user).post(URL, {"name": name, "query": query, **more})
    return response.status_code, response.content.decode()


def change(user: User, view: SavedView, **sent: str) -> tuple[int, str]:
    response = signed_in(user).post(f"{URL}{view.pk}/", sent)
    return response.status_code, response.content.decode()


def test_it_keeps_what_the_list_is_but_no_place_in_it(dataset: Dataset, viewer: User) -> None:
    assert save(viewer, "  Odd  ones ", "verdict=out&after=1~2.0~3&at=7&low=3")[0] == 200
    view = SavedView.objects.get()
    assert (view.name, view.query, view.is_shared, view.user) == ("Odd ones", "verdict=out&low=3.0", False, viewer)
    assert "/d/matches/frames/?verdict=out&amp;low=3.0" in signed_in(viewer).get(URL).content.decode()


def test_it_takes_the_address_that_the_browser_shows(dataset: Dataset, viewer: User) -> None:
    shown = {"HX-Current-URL": "http://testserver/d/matches/frames/?side=above"}
    signed_in(viewer).post(URL, {"name": "Above"}, headers=shown)
    view = SavedView.objects.get()
    assert view.query == "side=above"
    shown["HX-Current-URL"] = "http://testserver/d/matches/frames/?side=below"
    signed_in(viewer).post(f"{URL}{view.pk}/", {"overwrite": "1", "name": "ignored"}, headers=shown)
    view.refresh_from_db()
    assert (view.name, view.query) == ("Above", "side=below")


def test_it_overwrites_ones_own_view_of_the_same_name(dataset: Dataset, viewer: User, owner: User) -> None:
    save(viewer, "Mine", "verdict=out")
    save(viewer, "Mine", "verdict=in", is_shared="on")
    save(owner, "Mine", "verdict=unsure")
    found = SavedView.objects.order_by("pk").values_list("user", "query", "is_shared")
    assert list(found) == [(viewer.pk, "verdict=in", True), (owner.pk, "verdict=unsure", False)]


def test_it_shows_others_only_what_is_shared(dataset: Dataset, viewer: User, owner: User) -> None:
    save(owner, "Private")
    save(owner, "Open to all", is_shared="on")
    html = signed_in(viewer).get(URL).content.decode()
    assert "Open to all" in html and "by olga" in html and "Private" not in html and "data-confirm" not in html


def test_it_renames_shares_and_deletes(dataset: Dataset, viewer: User) -> None:
    save(viewer, "First")
    save(viewer, "Second")
    first = SavedView.objects.get(name="First")
    assert change(viewer, first, name="Third", is_shared="on")[0] == 200
    first.refresh_from_db()
    assert (first.name, first.is_shared) == ("Third", True)
    status, html = change(viewer, first, name="Second")
    assert status == 409 and "There is a view called “Second” already." in html
    change(viewer, first, delete="1")
    assert [view.name for view in SavedView.objects.all()] == ["Second"]


def test_it_lets_nobody_touch_anothers_view_but_an_admin_a_shared_one(
    dataset: Dataset, viewer: User, owner: User
) -> None:
    other = member(dataset, "carl", Role.CURATOR)
    save(other, "Private")
    save(other, "Shared", is_shared="on")
    private, shared = SavedView.objects.order_by("name")
    assert change(viewer, shared, delete="1")[0] == 403
    assert change(owner, private, delete="1")[0] == 404
    assert change(owner, shared, delete="1")[0] == 200
    assert list(SavedView.objects.all()) == [private]


@pytest.mark.parametrize(
    ("name", "query", "sentence"),
    [
        (" ", "", "Give the view a name."),
        ("x" * 81, "", "at most 80 letters"),
        ("x", "verdict=maybe", "The verdict filter knows"),
    ],
)
def test_it_says_what_it_can_not_keep(dataset: Dataset, viewer: User, name: str, query: str, sentence: str) -> None:
    status, html = save(viewer, name, query)
    assert status == 400 and sentence in html
    assert not SavedView.objects.exists()


def test_it_keeps_a_hundred_at_most(dataset: Dataset, viewer: User) -> None:
    SavedView.objects.bulk_create(SavedView(dataset=dataset, user=viewer, name=f"view {n}") for n in range(100))
    assert save(viewer, "one more")[0] == 400
    assert save(viewer, "view 7", "verdict=in")[0] == 200
