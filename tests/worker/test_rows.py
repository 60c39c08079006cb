"""Rows of frames and scores are written many at once, and say what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation import jobs, storage
from curation.models import Dataset, Frame, FrameScore, Job, Pack
from scoring.packs import read_inputs
from scoring.worker import score
from scoring.worker.weights import scorer_for
from tests.scoring.frames_for_tests import turf_frames
from tests.scoring.videos import make_video as make_file
from tests.worker.test_calibrate import scored, version_of, video_of
from tests.worker.test_shots import extracted, picture, run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]


def test_it_writes_every_measure_where_it_belongs(dataset: Dataset) -> None:
    video = video_of(dataset, turf_frames(40, seed=3), "turf.mp4")
    Frame.objects.filter(video=video, number=3).update(verdict="out", copy_of=2)
    version = version_of(dataset)
    scored(version)
    pack = video.packs.get(chunk=1)
    found = scorer_for(version).score_inputs(read_inputs(storage.read(pack.inputs_key)))
    rows = FrameScore.objects.filter(frame__pack=pack).order_by("frame__number")
    for name in score.MEASURES:
        assert list(rows.values_list(name, flat=True)) == pytest.approx(getattr(found, name).tolist())
    assert set(rows.values_list("video", "model_version", "verdict", "is_copy")) == {(video.pk, version.pk, "", False)}
    judged = FrameScore.objects.get(frame__video=video, frame__number=3)
    assert (judged.verdict, judged.is_copy) == ("out", True)


def test_it_writes_over_the_rows_of_an_unfinished_pack(dataset: Dataset, tmp_path: Path) -> None:
    Dataset.objects.filter(pk=dataset.pk).update(sampling_step=0.1, input_height=24, input_width=32)
    dataset.refresh_from_db()
    video = extracted(dataset, make_file(tmp_path / "a.mp4", seconds=2, size=(96, 72), picture=picture))
    columns = "pk", "number", "time_s", "thumb_offset", "thumb_bytes", "copy_of", "copies"
    before = list(video.frames.values_list(*columns))
    Pack.objects.filter(video=video).update(is_complete=False)
    video.frames.filter(number__gte=10).delete()
    video.frames.update(time_s=99, thumb_offset=7)
    jobs.request(kind=Job.Kind.EXTRACT, dataset=dataset, video=video)
    run(video)
    again = list(video.frames.values_list(*columns))
    assert [row[1:] for row in again] == [row[1:] for row in before]
    assert [row[0] for row in again[:10]] == [row[0] for row in before[:10]]
    assert video.packs.get().is_complete
