"""`manage.py fill --frames N --videos M`: a made-up data set of that size, for load tests."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from curation import fill
from curation.problems import Problem
from curation.storage import StoreUnavailable


class Command(BaseCommand):
    help = "Make a data set with so many made-up frames. Writes in bulk: nobody else can write on SQLite meanwhile."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--frames", type=int, required=True)
        parser.add_argument("--videos", type=int, required=True)
        parser.add_argument("--dataset", default="load", help="The address of the new data set.")
        parser.add_argument("--reviewed", type=float, default=0.02, help="Share of the frames with a verdict, 0 to 1.")
        parser.add_argument("--seed", type=int, default=0)

    def handle(
        self, *args: Any, frames: int, videos: int, dataset: str, reviewed: float, seed: int, **options: Any
    ) -> None:
        owner = User.objects.filter(is_superuser=True).order_by("pk").first()
        try:
            fill.make(
                slug=dataset,
                frames=frames,
                videos=videos,
                reviewed=reviewed,
                seed=seed,
                owner=owner,
                say=self.stdout.write,
            )
        except (Problem, StoreUnavailable) as problem:
            raise CommandError(str(problem)) from problem
