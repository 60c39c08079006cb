"""Saved views: gallery addresses under a name, a person's own or shared with every member."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import QueryDict

from curation.gallery_filters import GalleryFilters
from curation.models import Dataset, Role, SavedView
from curation.problems import Problem

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST = 100  # of one person in one data set
MOST_LETTERS = 80


def visible(dataset: Dataset, user: User) -> list[SavedView]:
    """The person's own views and those that others share, by name; one query."""
    mine_or_shared = Q(user=user) | Q(is_shared=True)
    return list(SavedView.objects.filter(mine_or_shared, dataset=dataset).select_related("user").order_by("name", "id"))


def may_change(view: SavedView, user: User, role: Role | None) -> bool:
    """One's own, and as an admin of the data set those that others share."""
    return view.user_id == user.pk or (view.is_shared and role == Role.ADMIN)


def save(*, dataset: Dataset, user: User, name: str, query: str, is_shared: bool) -> SavedView:
    """Keep an address under a name; one's own view of that name is overwritten. Raises Problem for a name or an address
    that can't be kept."""
    name, query = _name(name), _query(dataset, query)
    mine = SavedView.objects.filter(dataset=dataset, user=user)
    if not mine.filter(name=name).exists() and mine.count() >= MOST:
        raise Problem(f"You have {MOST} views here. Delete one first.")
    kept, _ = SavedView.objects.update_or_create(
        dataset=dataset, user=user, name=name, defaults={"query": query, "is_shared": is_shared}
    )
    return kept


def overwrite(view: SavedView, *, query: str) -> None:
    """Let the view lead to another address. Raises Problem for a broken one."""
    view.query = _query(view.dataset, query)
    view.save(update_fields=["query"])


def rename(view: SavedView, *, name: str, is_shared: bool) -> None:
    """Raises Problem for a name that can't be had."""
    view.name, view.is_shared = _name(name), is_shared
    try:
        with transaction.atomic():
            view.save(update_fields=["name", "is_shared"])
    except IntegrityError:
        raise Problem(f"There is a view called “{view.name}” already.", status=409) from None


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name:
        raise Problem("Give the view a name.")
    if len(name) > MOST_LETTERS:
        raise Problem(f"A name has at most {MOST_LETTERS} letters.")
    return name


def _query(dataset: Dataset, query: str) -> str:
    """Without a place in the list: only what the list is."""
    return GalleryFilters.from_query(QueryDict(query), dataset).query()
