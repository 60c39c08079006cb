"""`manage.py verify_log DATASET`: replay the review log against the current state."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from curation.models import Dataset
from curation.review_log import replay


class Command(BaseCommand):
    help = "Replays a dataset's review log against the current state; exit 1 when they disagree."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="The dataset's slug.")

    def handle(self, *args: Any, **options: Any) -> None:
        dataset = Dataset.objects.filter(slug=options["dataset"]).first()
        if dataset is None:
            raise CommandError(f"There is no dataset {options['dataset']!r}.")
        found = replay(dataset)
        if found.wrong:
            raise CommandError("\n".join([*found.sentences, f"{found.wrong} disagreements."]))
        self.stdout.write(
            f"The log agrees with the tables: {found.reviews} reviews of {found.frames} frames, "
            f"{found.conflicts} conflicts kept."
        )
