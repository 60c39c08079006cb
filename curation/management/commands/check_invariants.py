"""`manage.py check_invariants`: exit 0 when tables, object store and log agree; names what doesn't."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from curation import invariants


class Command(BaseCommand):
    help = "Check that tables, object store and review log agree; exit 1 and say what doesn't."

    def handle(self, *args: Any, **options: Any) -> None:
        found = list(invariants.broken())
        for sentence in found:
            self.stdout.write(sentence)
        if found:
            raise CommandError(f"{len(found)} thing{'s do' if len(found) > 1 else ' does'} not agree.")
        self.stdout.write("Tables, object store and log agree.")
