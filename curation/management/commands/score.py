"""`manage.py score DATASET`: score what a version has not scored yet."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from curation import jobs, versions
from curation.management.waiting import counted, dataset_named, wait_for
from curation.models import Job


class Command(BaseCommand):
    help = "Queue the scoring of every frame that the active version, or another one, has no score for."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="The data set's slug.")
        parser.add_argument("--version-number", type=int, help="Another version than the active one.")
        parser.add_argument("--wait", action="store_true", help="Return when every frame has its score.")

    def handle(self, *args: Any, dataset: str, version_number: int | None, wait: bool, **options: Any) -> None:
        found = dataset_named(dataset)
        version = found.active_version
        if version_number is not None:
            version = found.model_versions.filter(number=version_number).first()
        if version is None:
            raise CommandError(
                f"{found} has no such version." if version_number else f"{found} has no model yet: train first."
            )
        missing = versions.missing_packs(version).count()
        if not missing:
            self.stdout.write(f"Version {version.number} has scored every frame.")
            return
        job = jobs.request(kind=Job.Kind.RESCORE, dataset=found, model_version=version)
        self.stdout.write(f"Queued: version {version.number}, {counted(missing, 'pack')} of frames.")
        if wait:
            wait_for(job, self.stdout.write)
