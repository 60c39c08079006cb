"""`manage.py up`: the whole of it is in curation/local/, because it has to run before Django's settings can be read."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from curation.local import cli


class Command(BaseCommand):
    help = "Start everything on this machine: broker, object store, pages, workers, and the clock."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        cli.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(cli.run(options))
