"""`manage.py train DATASET`: ask for a training run, as the Retrain button does."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from curation.management.waiting import counted, dataset_named, wait_for
from curation.models import Job, ModelVersion, TrainingRun
from curation.problems import Problem
from curation.storage import StoreUnavailable
from curation.training import request_run
from scoring.config import LOSSES, presets


class Command(BaseCommand):
    help = "Queue a training run on the frames that are in distribution; a training worker carries it out."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="The data set's slug.")
        parser.add_argument("--preset", default="small", help=f"{', '.join(presets())}; a version keeps its own size.")
        parser.add_argument("--loss", default="", help=f"{' or '.join(LOSSES)}; as the version's if left out.")
        parser.add_argument(
            "--epochs", type=int, help="At most so many passes; chosen by the size of the set if left out."
        )
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument(
            "--start-from", "--from", dest="number", type=int, help="Go on from this version instead of fresh weights."
        )
        parser.add_argument(
            "--retrain",
            action="store_true",
            help="Learn from both verdicts, IN and OUT, going on from the active version or the one named.",
        )
        parser.add_argument("--everything", action="store_true", help="Train on every frame that nobody judged OUT.")
        parser.add_argument("--wait", action="store_true", help="Return when the new version has scored every frame.")

    def handle(self, *args: Any, dataset: str, number: int | None, **options: Any) -> None:
        found = dataset_named(dataset)
        start_from = found.model_versions.filter(number=number).first() if number is not None else None
        if number is not None and start_from is None:
            raise CommandError(f"{found} has no version {number}.")
        names = ("preset", "loss", "epochs", "seed", "retrain", "everything")
        chosen = {name: options[name] for name in names}
        try:
            run = request_run(dataset=found, by=None, start_from=start_from, **chosen)
        except (Problem, StoreUnavailable) as problem:
            raise CommandError(str(problem)) from problem
        self._say(run)
        if options["wait"]:
            wait_for(run.jobs.latest("id"), self.stdout.write)
            self._wait_for_scores(ModelVersion.objects.get(training_run=run))

    def _say(self, run: TrainingRun) -> None:
        also = f" and {counted(run.out_frames, 'OUT frame')} of {counted(run.out_videos, 'video')}"
        self.stdout.write(
            f"Queued: {counted(run.train_frames, 'frame')} of {counted(run.train_videos, 'video')}"
            f"{also if run.out_frames else ''}, {run.heldout_frames:,} held out."
        )
        if run.note:
            self.stderr.write(run.note)

    def _wait_for_scores(self, version: ModelVersion) -> None:
        wait_for(version.jobs.filter(kind=Job.Kind.RESCORE).latest("id"), self.stdout.write)
        self.stdout.write(f"Version {version.number}: threshold {version.threshold:.1f}.")
