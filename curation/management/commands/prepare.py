"""`manage.py prepare`: what has to be in place before the app answers; one process, because each start of one costs."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand

from curation.local.state import PREPARED_FILE, write_private_json
from curation.management.commands.ensure_admin import ensure_admin


class Command(BaseCommand):
    help = "Bring the tables up to date, make the first admin, and collect the static files when they changed."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=1)
        first_password_valid = ensure_admin()
        fingerprint = static_fingerprint()
        if fingerprint != collected_fingerprint():
            call_command("collectstatic", interactive=False, verbosity=1, clear=True)
        write_private_json(
            settings.DATA_DIR / PREPARED_FILE, {"static": fingerprint, "first_password_valid": first_password_valid}
        )


def static_fingerprint() -> str:
    """A digest over path, size and time of every static file: collecting and compressing them takes seconds."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            stat = storage.path(path), storage.size(path), storage.get_modified_time(path)
            digest.update(repr((path, *stat)).encode())
    return digest.hexdigest()


def collected_fingerprint() -> str | None:
    """The digest of what STATIC_ROOT holds, None when it holds nothing."""
    if not (settings.STATIC_ROOT / "staticfiles.json").exists():
        return None
    try:
        found = json.loads((settings.DATA_DIR / PREPARED_FILE).read_text()).get("static")
    except (OSError, ValueError, AttributeError):
        return None
    return str(found)
