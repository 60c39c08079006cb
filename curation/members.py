"""Who works on a data set: adding people, changing roles, removing. One admin always stays."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from curation.local.state import readable_password
from curation.models import Dataset, Membership, Role
from curation.problems import Problem


def add(*, dataset: Dataset, username: str, role: Role) -> Membership:
    """Give an existing account a role. Raises Problem when there is no such account, or it is a member already."""
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise Problem(f"No account is called “{username}”. Check the spelling, or create the account.")
    try:
        with transaction.atomic():
            return Membership.objects.create(dataset=dataset, user=user, role=role)
    except IntegrityError as error:
        raise Problem(f"{username} is a member already; change the role in the list.") from error


def create_account(*, dataset: Dataset, username: str, role: Role) -> tuple[Membership, str]:
    """A new account with a generated password, and its membership. The password is returned once and kept nowhere."""
    password = readable_password()
    user = User(username=username)
    user.set_password(password)
    try:
        user.full_clean()
        with transaction.atomic():
            user.save()
            membership = Membership.objects.create(dataset=dataset, user=user, role=role)
    except (ValidationError, IntegrityError) as error:
        raise Problem(_username_sentence(username, error)) from error
    return membership, password


def change_role(*, membership: Membership, role: Role) -> None:
    """Raises Problem when it would leave the data set without an admin."""
    with transaction.atomic():
        _lock(membership)
        if role != Role.ADMIN:
            _check_another_admin(membership)
        Membership.objects.filter(pk=membership.pk).update(role=role)


def remove(*, membership: Membership) -> None:
    """The account stays, and so do its reviews. Raises Problem when it would leave the data set without an admin."""
    with transaction.atomic():
        _lock(membership)
        _check_another_admin(membership)
        membership.delete()


def _lock(membership: Membership) -> None:
    """Two admins who demote each other at the same moment must not both succeed."""
    Dataset.objects.select_for_update().get(pk=membership.dataset_id)


def _check_another_admin(membership: Membership) -> None:
    admins = Membership.objects.filter(dataset_id=membership.dataset_id, role=Role.ADMIN)
    if admins.filter(pk=membership.pk).exists() and admins.count() == 1:
        raise Problem(
            f"{membership.user.get_username()} is the only admin; make somebody else admin first.", status=409
        )


def _username_sentence(username: str, error: ValidationError | IntegrityError) -> str:
    if isinstance(error, ValidationError) and "username" in error.message_dict:
        return " ".join(error.message_dict["username"])
    return f"The account “{username}” can't be made."
