#!/usr/bin/env python
"""Django's command line for Framesift."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "curation.settings")
    if sys.argv[1:2] == ["up"]:  # before Django: the first start makes the secrets that settings.py reads
        from curation.local.cli import main as up

        sys.exit(up(sys.argv[2:]))
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
