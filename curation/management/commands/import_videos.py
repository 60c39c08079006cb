"""`manage.py import_videos DATASET PATHS...`: take in files of this machine."""

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from curation.imports import import_file
from curation.management.waiting import dataset_named
from curation.models import Dataset, Video
from curation.problems import Problem
from curation.storage import StoreUnavailable


class Command(BaseCommand):
    help = "Take in video files, as an upload would; a folder means every accepted file in it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="The data set's slug; made with --create when it is not there.")
        parser.add_argument("paths", nargs="+", type=Path)
        parser.add_argument("--reference", action="store_true", help="Mark the videos as reference.")
        parser.add_argument("--create", action="store_true", help="Make the data set if there is none.")
        parser.add_argument("--wait", action="store_true", help="Return when every video is settled.")

    def handle(
        self, *args: Any, dataset: str, paths: list[Path], reference: bool, create: bool, **options: Any
    ) -> None:
        row = Dataset.objects.filter(slug=dataset).first()
        if row is None and create:
            row = Dataset.objects.create(slug=dataset, name=dataset)
        row = row or dataset_named(dataset)
        taken = [self._take_in(row, path, reference) for path in _files(paths)]
        if options["wait"]:
            self._wait([video for video in taken if video])
        refused = taken.count(None)
        if refused:
            raise CommandError(f"{refused} file{'s were' if refused > 1 else ' was'} refused.")

    def _take_in(self, dataset: Dataset, path: Path, reference: bool) -> Video | None:
        try:
            video = import_file(dataset=dataset, path=path, is_reference=reference)
        except (Problem, StoreUnavailable, OSError) as problem:
            self.stderr.write(f"{path.name}: {problem}")
            return None
        self.stdout.write(f"{path.name}: video {video.pk}, queued")
        return video

    def _wait(self, taken: list[Video]) -> None:
        ids = [video.pk for video in taken]
        while Video.objects.filter(pk__in=ids).in_progress().exists():
            time.sleep(0.5)
        for video in Video.objects.filter(pk__in=ids):
            self.stdout.write(f"{video.name}: {video.get_state_display().lower()}. {video.note}".rstrip())


def _files(paths: list[Path]) -> list[Path]:
    return [
        file
        for path in paths
        for file in (sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path])
    ]
