"""Making a data set and changing its settings."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.text import slugify

from curation import second_looks, versions
from curation.models import Dataset, Membership, Role
from curation.problems import Problem

SLUG_ROOM = 120
TRIES = 20
FIXED = ("input_height", "input_width", "bars")


def create(*, name: str, by: User | None, **settings: Any) -> Dataset:
    """A new data set, with its maker as admin. Raises Problem when no free address can be found for the name."""
    stem = slugify(name)[:SLUG_ROOM] or "data-set"
    for count in range(1, TRIES):
        slug = stem if count == 1 else f"{stem}-{count}"
        if Dataset.objects.filter(slug=slug).exists():
            continue
        try:
            return _insert(name, slug, by, settings)
        except IntegrityError:  # somebody took the slug between the look and the insert
            continue
    raise Problem(f"There are too many data sets called {name!r}; choose another name.")


def _insert(name: str, slug: str, by: User | None, settings: dict[str, Any]) -> Dataset:
    with transaction.atomic():
        dataset = Dataset.objects.create(name=name, slug=slug, created_by=by, **settings)
        if by is not None:
            Membership.objects.create(dataset=dataset, user=by, role=Role.ADMIN)
    return dataset


def change(
    *, dataset: Dataset, by: User, target_tpr: float, second_share: float | None = None, **settings: Any
) -> None:
    """New settings. Sampling holds for videos uploaded from now on; how frames are made for the model is fixed once
    there are videos."""
    if dataset.videos.exists() and any(
        settings.get(name, getattr(dataset, name)) != getattr(dataset, name) for name in FIXED
    ):
        raise Problem(
            "The input size and what becomes of black bars can't change once there are videos: their frames are stored "
            "as they were made."
        )
    with transaction.atomic():
        if settings:
            Dataset.objects.filter(pk=dataset.pk).update(**settings)
        if second_share is not None and second_share != dataset.second_share:
            second_looks.set_share(dataset=dataset, share=second_share)
        if target_tpr != dataset.target_tpr:
            versions.set_target_tpr(dataset=dataset, target_tpr=target_tpr, by=by)
