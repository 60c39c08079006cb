"""`manage.py ensure_admin`: the first person who can log in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from curation.local.state import read_secrets

FIRST_ADMIN = "admin"


class Command(BaseCommand):
    help = "Create the user 'admin' with the password kept in the data folder, when there is no user at all."

    def handle(self, *args: Any, **options: Any) -> None:
        if ensure_admin():
            self.stdout.write(f"{FIRST_ADMIN} logs in with the password kept in {settings.DATA_DIR / 'secrets.json'}")


def ensure_admin() -> bool:
    """Create the first admin when there is no user; returns whether the first password opens that account.

    Raises CommandError when the data folder holds no secrets.
    """
    secrets = read_secrets(settings.DATA_DIR)
    if secrets is None:
        raise CommandError(f"{settings.DATA_DIR} holds no secrets yet. Start once with `python3 dev.py up`.")
    users = get_user_model()
    if not users.objects.exists():
        users.objects.create_superuser(username=FIRST_ADMIN, email="", password=secrets.admin_password)
        return True
    admin = users.objects.filter(username=FIRST_ADMIN, is_active=True).first()
    return admin is not None and admin.check_password(secrets.admin_password)
