"""The frames of a training lie in a file that is mapped, not in memory, and are those of the frozen set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from django.conf import settings

from curation import storage, training
from curation.leases import work
from curation.models import Dataset, TrainingRun
from scoring.errors import TrainingError
from scoring.packs import read_inputs
from scoring.preprocessing import Preprocessing
from scoring.worker import training_frames
from scoring.worker.training_frames import TrainingFrames, _Spool
from tests.scoring.frames_for_tests import turf_frames
from tests.scoring.test_worker_train import add_video

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]


def loaded(run: TrainingRun) -> TrainingFrames:
    with work(run.jobs.get().pk) as lease:
        assert lease is not None
        return training_frames.load(lease, run)


def test_it_maps_the_frames_of_the_frozen_set(dataset: Dataset) -> None:
    Dataset.objects.update(input_height=24, input_width=32)
    dataset.refresh_from_db()
    for number in range(3):
        add_video(dataset, f"{number}.mp4", turf_frames(20, seed=number), is_reference=True)
    run = training.request_run(dataset=dataset, by=None, epochs=1)
    frames = loaded(run)
    for part, is_heldout in ((frames.inside, False), (frames.heldout, True)):
        entries = [entry for entry in training.read_set(run) if entry["heldout"] == is_heldout]
        assert len(part.pixels) == len(entries) > 0
        for pixels, entry in zip(part.pixels, entries, strict=True):
            assert isinstance(pixels, np.memmap)
            stored = read_inputs(storage.read(entry["key"])).pixels
            assert np.array_equal(pixels, stored[np.asarray(entry["rows"])])
    assert not list(Path(settings.SCRATCH_DIR).iterdir())


def test_it_refuses_frames_that_were_prepared_in_different_ways() -> None:
    with _Spool() as spool:
        spool.add(turf_frames(2), Preprocessing(24, 32))
        spool.add(turf_frames(2), Preprocessing(24, 32, "keep"))
        with pytest.raises(TrainingError, match="different ways"):
            spool.mapped()
