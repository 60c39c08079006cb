"""`manage.py demo`: make the generated demo data set, or print its truth."""

import dataclasses
import json
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from curation import demo
from curation.problems import Problem


class Command(BaseCommand):
    help = "Make the generated demo data set; with --truth, print what each of its sampled frames really shows."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--scale", type=float, default=1.0, help="Shorten every scene, 0 to 1.")
        parser.add_argument("--truth", action="store_true", help="One JSON line per sampled frame; makes nothing.")
        parser.add_argument("--if-empty", action="store_true", help="Only where no data set exists yet.")

    def handle(self, *args: Any, seed: int, scale: float, truth: bool, if_empty: bool, **options: Any) -> None:
        if truth:
            for frame in demo.truth(seed, scale):
                self.stdout.write(json.dumps(dataclasses.asdict(frame)))
            return
        if if_empty and not demo.is_wanted():
            return
        owner = User.objects.filter(is_superuser=True).order_by("pk").first()
        try:
            demo.make(owner=owner, seed=seed, scale=scale, say=self.stdout.write)
        except (Problem, ValueError) as problem:
            raise CommandError(str(problem)) from problem
