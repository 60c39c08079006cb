"""Who may do what. Views call `dataset_for` first, also for fragments: those can be asked for directly."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from curation.models import Dataset, Membership, Role


def role_of(user: AbstractBaseUser | AnonymousUser, dataset: Dataset) -> Role | None:
    """The user's role in the dataset; superusers are admins everywhere; None for strangers."""
    if not user.is_authenticated or not getattr(user, "is_active", False):
        return None
    if getattr(user, "is_superuser", False):
        return Role.ADMIN
    membership = Membership.objects.filter(dataset=dataset, user_id=user.pk).first()
    return Role(membership.role) if membership else None


def dataset_for(request: HttpRequest, slug: str, role: Role = Role.VIEWER) -> Dataset:
    """The dataset, if the user is a member with at least `role`; it carries `my_role`.

    Raises Http404 to strangers, so that they can't learn that it exists, and PermissionDenied to members below `role`.
    """
    dataset = Dataset.objects.select_related("active_version").filter(slug=slug).first()
    mine = role_of(request.user, dataset) if dataset else None
    if dataset is None or mine is None:
        raise Http404
    if mine.rank < role.rank:
        raise PermissionDenied(f"This needs the role {role.label.lower()}; yours is {mine.label.lower()}.")
    dataset.my_role = mine
    return dataset
