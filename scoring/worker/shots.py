"""Shots and near copies beside a video's frames: as they are extracted, or later from the stored inputs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curation import storage, tally_changes
from curation.leases import Lease
from curation.models import Frame, FrameProbability, FrameScore, Pack, Video
from scoring.frames import Pixels
from scoring.packs import PackError, read_inputs
from scoring.shots import ShotFinder, near_copies

Copy = tuple[int | None, int]
ROWS_PER_TRANSACTION = 64  # larger ones make other SQLite writers wait


def store_shots(lease: Lease, video: Video, is_start: NDArray[np.bool_]) -> None:
    """Mark the frames that begin a shot, (N,) in the order of their numbers. Only known when all have been seen: what
    is a change of shots depends on how much changes before and after it."""
    found = set(np.flatnonzero(is_start).tolist())
    before = set(video.frames.filter(shot_start=True).values_list("number", flat=True))
    for numbers, starts in ((sorted(found - before), True), (sorted(before - found), False)):
        for start in range(0, len(numbers), ROWS_PER_TRANSACTION):
            with lease.transaction():
                some = video.frames.filter(number__in=numbers[start : start + ROWS_PER_TRANSACTION])
                some.update(shot_start=starts)


def copies_in(pixels: Pixels, first: int) -> list[Copy]:
    """Of each frame of a pack that begins with number `first`: the number of the frame that it nearly repeats, or
    None, and how many right after it repeat it."""
    places, copies = near_copies(pixels)
    return [
        (first + place if place >= 0 else None, count)
        for place, count in zip(places.tolist(), copies.tolist(), strict=True)
    ]


def catch_up(lease: Lease, video: Video) -> None:
    """Find shots and near copies of frames that were extracted before these were looked for. Frames whose inputs are
    gone stay without."""
    if video.frames.filter(number=0, shot_start=True).exists():
        return
    finder = ShotFinder()
    try:
        for pack in video.packs.filter(is_complete=True).order_by("chunk"):
            lease.check()
            pixels = read_inputs(storage.read(pack.inputs_key)).pixels
            finder.add(pixels)
            _store_copies(lease, pack, copies_in(pixels, pack.first_number))
    except (storage.MissingObject, PackError) as error:
        lease.log(f"No shots of {video.name}: {error}")
        return
    store_shots(lease, video, finder.starts())


def _store_copies(lease: Lease, pack: Pack, copies: list[Copy]) -> None:
    changed = []
    for frame, copy in zip(pack.frames.order_by("number"), copies, strict=True):
        if (frame.copy_of, frame.copies) != copy:
            frame.copy_of, frame.copies = copy
            changed.append(frame)
    for start in range(0, len(changed), ROWS_PER_TRANSACTION):
        some = changed[start : start + ROWS_PER_TRANSACTION]
        with lease.transaction():
            tally_changes.share(pack.video.dataset_id)  # nobody writes probabilities meanwhile
            Frame.objects.bulk_update(some, ["copy_of", "copies"])
            copied = [frame.pk for frame in some if frame.copy_of is not None]
            FrameScore.objects.filter(frame__in=copied).update(is_copy=True)
            FrameProbability.objects.filter(frame__in=copied).update(is_copy=True)
