"""The demo data set: footage that we draw ourselves, taken in through the front door, and a first model trained on it.

Taking in and training look first at what is there already, so an interrupted demo is finished by calling it again.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from curation import training
from curation.imports import import_file
from curation.models import Dataset, Membership, Role, Video
from curation.problems import Problem
from scoring.demo import script

SLUG = "demo"
DESCRIPTION = (
    "Generated footage, so that you can try everything at once: six matches marked as reference, and two recordings "
    "with ad breaks and a stretch of American football to find."
)
REASONS = ["advertisement", "American football"]
STAMP = "complete"
PATIENCE_S = 600.0
Say = Callable[[str], None]


def folder() -> Path:
    return Path(settings.DATA_DIR) / "demo"


def is_wanted() -> bool:
    """True on an empty instance, and where an earlier demo was interrupted."""
    if (folder() / STAMP).exists():
        return False
    return not Dataset.objects.exclude(slug=SLUG).exists()


def truth(seed: int = 0, scale: float = 1.0) -> Iterator[script.FrameTruth]:
    """What every sampled frame of the demo really shows."""
    for video in script.demo(seed, scale):
        yield from script.truth(video)


def make(*, owner: User | None, seed: int = 0, scale: float = 1.0, say: Say = print) -> Dataset:
    """Draw the footage, take it in, and train the first model. Raises Problem when a step does not get on."""
    dataset = _dataset(owner)
    videos = {video.file_name: video for video in script.demo(seed, scale)}
    for path in _draw(seed, scale, say):
        _take_in(dataset, path, videos[path.name].reference, owner)
        say(f"{path.name} is drawn and taken in.")
    _train(dataset, owner, say)
    (folder() / STAMP).touch()
    return dataset


def _dataset(owner: User | None) -> Dataset:
    with transaction.atomic():
        dataset, _ = Dataset.objects.get_or_create(
            slug=SLUG,
            defaults={
                "name": "Demo: soccer",
                "description": DESCRIPTION,
                "sampling_step": script.STEP_S,
                "reasons": REASONS,
                "created_by": owner,
            },
        )
        if owner is not None:
            Membership.objects.get_or_create(dataset=dataset, user=owner, defaults={"role": Role.ADMIN})
    return dataset


def _draw(seed: int, scale: float, say: Say) -> Iterator[Path]:
    """Paths of the videos as each is finished; drawing runs in a process of its own, because it decodes and encodes."""
    command = [sys.executable, "-m", "scoring.demo", "--out", str(folder()), "--seed", str(seed), "--scale", str(scale)]
    with subprocess.Popen(command, cwd=settings.BASE_DIR, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if not line.startswith("{"):
                say(line.rstrip())
                continue
            report = json.loads(line)
            if "error" in report:
                raise Problem(f"The demo footage could not be drawn: {report['error']}")
            if report["progress"] == 1:
                yield folder() / report["video"]
    if process.returncode:
        raise Problem("The demo footage could not be drawn; the lines above say why.")


def _take_in(dataset: Dataset, path: Path, is_reference: bool, owner: User | None) -> None:
    if not dataset.videos.filter(name=path.name).exists():
        import_file(dataset=dataset, path=path, is_reference=is_reference, by=owner)


def _train(dataset: Dataset, owner: User | None, say: Say) -> None:
    if dataset.training_runs.exists():
        return
    say("Waiting for the frames of the reference matches.")
    _wait_for_references(dataset)
    run = training.request_run(dataset=dataset, by=owner)
    say(f"The first model is training on {run.train_frames} frames; the page Models shows it live.")


def _wait_for_references(dataset: Dataset) -> None:
    until = time.monotonic() + PATIENCE_S
    references = dataset.videos.filter(is_reference=True)
    while references.filter(extracted_at=None).exclude(state=Video.State.FAILED).exists():
        if time.monotonic() > until:
            raise Problem("The reference matches were not extracted in time. Is a media worker running?")
        time.sleep(0.5)
