"""`manage.py export DATASET --format csv|json --out PATH`: the curated set as a file, and its manifest beside it."""

import json
import os
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from curation import exports
from curation.management.waiting import dataset_named
from curation.models import Dataset, Export
from curation.problems import Problem


class Command(BaseCommand):
    help = "Write the frames of a data set with verdicts and scores to PATH, and what they are to PATH.manifest.json."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="The data set's slug.")
        parser.add_argument("--format", choices=Export.Format.values, required=True)
        parser.add_argument("--out", type=Path, required=True)
        parser.add_argument("--verdict", choices=[name for name in exports.VERDICTS if name], default="")
        parser.add_argument("--side", choices=[name for name in exports.SIDES if name], default="")
        parser.add_argument("--video", type=int, help="Number of the only video to take.")

    def handle(self, *args: Any, dataset: str, format: str, out: Path, **options: Any) -> None:
        found = dataset_named(dataset)
        values = {name: options[name] for name in ("verdict", "side", "video")}
        try:
            manifest = _save(found, format, exports.ExportFilters.from_values(found, values), out)
        except (Problem, OSError) as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(f"{manifest['rows']} rows, sha256 {manifest['sha256']}, {out}")


def _save(dataset: Dataset, format: str, filters: exports.ExportFilters, out: Path) -> dict[str, Any]:
    """Beside the target first, then renamed, so that PATH is never half a file."""
    with tempfile.NamedTemporaryFile("wb", dir=out.absolute().parent, prefix=f".{out.name}-", delete=False) as file:
        try:
            manifest = exports.save(file, format, exports.Snapshot.now(dataset), filters)
            Path(file.name).chmod(0o666 & ~_umask())
            Path(file.name).replace(out)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    beside = out.with_name(out.name + ".manifest.json")
    beside.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return manifest


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
