"""Recordings for the tests of the timeline, made within an instance: scored, cut into segments, and playable."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

from django.contrib.auth.models import User
from PIL import Image

from curation import explain, segments, similar, storage
from curation.models import Dataset, Frame, FrameScore, Membership, ModelVersion, Role, Video
from tests import seed
from tests.curation.review_rows import make_video

LOW, HIGH = 20.0, 90.0
LOSSES = [LOW] * 6 + [HIGH] * 4 + [LOW] * 5 + [HIGH] * 5  # four segments, one frame a second
SHOTS = (0, 8, 12, 108)  # seen by the timeline alone: the segments are found without them
PLAYABLE = 14
LONG = 200  # frames of the long one, in which the losses come again and again
PASSWORD = "a-long-pass-phrase-7"


def make(slug: str, clip: str) -> None:
    """A data set of recordings that show `clip`, then a long one and one that no browser plays. It has a curator and a
    viewer. Prints the ids of the videos as JSON."""
    dataset = Dataset.objects.create(name=slug.title(), slug=slug, reasons=["advertisement", "replay"])
    for name, role in (("bea", Role.CURATOR), ("vic", Role.VIEWER)):
        user = User.objects.create_user(f"{slug}-{name}", password=PASSWORD)
        Membership.objects.create(dataset=dataset, user=user, role=role)
    made = [_recording(dataset, place, Path(clip).read_bytes()) for place in range(PLAYABLE)]
    made.append(make_video(dataset, LONG, name="long.mp4"))  # without pictures
    made.append(_recording(dataset, PLAYABLE, b"no video at all"))
    version = _scored(dataset)
    for video in made:
        segments.rebuild(video=video)
        video.frames.filter(number__in=SHOTS).update(shot_start=True)
    _explained(made[0], version)
    print(json.dumps([video.pk for video in made]))


def make_bare(slug: str) -> None:
    """A data set with one recording and no model."""
    dataset = Dataset.objects.create(name=slug.title(), slug=slug)
    seed.video_with_frames(dataset, frames=8, with_objects=True)


def _recording(dataset: Dataset, place: int, content: bytes) -> Video:
    video = seed.video_with_frames(dataset, frames=len(LOSSES), name=f"{place:02d}.mp4", with_objects=True)
    storage.write(video.key, content, "video/mp4")
    return video


def _scored(dataset: Dataset) -> ModelVersion:
    """Two versions; the active one flags what is above 50, the other one nothing."""
    seed.version_with_scores(dataset, number=1, threshold=5000.0, active=False)
    version = seed.version_with_scores(dataset, number=2)
    version.thresholds = seed.thresholds(50.0, [])
    version.save()
    for number, loss in enumerate(LOSSES * (LONG // len(LOSSES))):
        FrameScore.objects.of_version(version).filter(frame__number=number).update(reconstruction_loss=loss)
    return version


def _explained(video: Video, version: ModelVersion) -> None:
    """What the workers would write for its first frame: pictures, and the training frames nearest to it."""
    frames = list(Frame.objects.filter(video=video).select_related("pack", "video").order_by("number"))
    for shade, kind in enumerate(explain.KINDS):
        buffer = io.BytesIO()
        Image.new("RGB", (seed.WIDTH, seed.HEIGHT), (60 + 80 * shade, 90, 40)).save(buffer, "PNG")
        storage.write(explain.key(frames[0], version, kind), buffer.getvalue(), "image/png")
    near = [(frame.pk, 0.5 + place / 10) for place, frame in enumerate(frames[1:4])]
    told = {"seen": False, "trained": 120, "problem": "", "stamp": similar.stamp(version), "at": time.time()}
    for among in similar.AMONG:
        storage.write(similar.key(frames[0], version, among), json.dumps({"near": near, **told}).encode())
