"""`manage.py train DATASET`: ask for a training run, as the Retrain button does."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from curation.management.waiting import counted, dataset_named, wait_for
from curation.models import Job, ModelVersion
from curation.problems import Problem
from curation.storage import StoreUnavailable
from curation.training import request_run


class Command(BaseCommand):
    help = "Queue a training run on the frames that are in distribution; a training worker carries it out."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="The data set's slug.")
        parser.add_argument("--preset", default="small", help="small (1.3 M parameters) or article (about 100 M).")
        parser.add_argument(
            "--epochs", type=int, help="At most so many passes; chosen by the size of the set if left out."
        )
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--from", dest="number", type=int, help="Go on from this version instead of fresh weights.")
        parser.add_argument("--everything", action="store_true", help="Train on every frame that nobody judged OUT.")
        parser.add_argument("--wait", action="store_true", help="Return when the new version has scored every frame.")

    def handle(self, *args: Any, dataset: str, number: int | None, everything: bool, **options: Any) -> None:
        found = dataset_named(dataset)
        start_from = found.model_versions.filter(number=number).first() if number is not None else None
        if number is not None and start_from is None:
            raise CommandError(f"{found} has no version {number}.")
        chosen = {name: options[name] for name in ("preset", "epochs", "seed")}
        try:
            run = request_run(dataset=found, by=None, start_from=start_from, everything=everything, **chosen)
        except (Problem, StoreUnavailable) as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(
            f"Queued: {counted(run.train_frames, 'frame')} of {counted(run.train_videos, 'video')}, "
            f"{run.heldout_frames:,} held out."
        )
        if run.note:
            self.stderr.write(run.note)
        if options["wait"]:
            wait_for(run.jobs.latest("id"), self.stdout.write)
            self._wait_for_scores(ModelVersion.objects.get(training_run=run))

    def _wait_for_scores(self, version: ModelVersion) -> None:
        wait_for(version.jobs.filter(kind=Job.Kind.RESCORE).latest("id"), self.stdout.write)
        self.stdout.write(f"Version {version.number}: threshold {version.threshold:.1f}.")
