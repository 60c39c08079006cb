"""Extraction: original -> sandboxed decoder -> packs in the object store -> frame rows."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import cast

from django.conf import settings
from django.utils import timezone

from curation import bulk, segments, storage, tally_changes, videos
from curation.leases import Lease
from curation.models import Frame, FrameProbability, FrameScore, Pack, ScoredPack, Video
from curation.problems import Problem
from scoring.errors import Stopped
from scoring.frames import Summary, VideoInfo
from scoring.limits import MediaError
from scoring.packs import PackWriter, packed
from scoring.preprocessing import Bars, Crop, Preprocessing
from scoring.sampling import Mode, Sampling
from scoring.sandbox import Extraction
from scoring.shots import ShotFinder
from scoring.worker.shots import Copy, copies_in, store_shots

ROOM = 1.2  # free space wanted, in sizes of the original
SAME_MOMENT_S = 0.02
COLUMNS = tuple(field.attname for field in Frame._meta.concrete_fields if not field.primary_key)
OTHER_FRAMES = (
    "Extracting this video again gave other frames than before, and verdicts would have moved to other pictures. "
    "What was there stays; to have its frames anew, upload the file as another video."
)


def run(lease: Lease, video: Video) -> None:
    """Extract a video's frames. Packs that an earlier attempt finished are decoded again but not written again; those
    of an older revision are replaced one by one."""
    tally_changes.ensure(video.dataset_id, None)
    sampling = _sampling(video)
    with lease.transaction():
        Video.objects.filter(pk=video.pk).update(state=Video.State.EXTRACTING, note="", sampling=asdict(sampling))
    with scratch_folder(video.size_bytes) as folder:
        original = folder / "original"
        with original.open("wb") as file:
            storage.download(video.key, file)
        shots = ShotFinder()
        summary = _extract(lease, video, original, sampling, shots)
    store_shots(lease, video, shots.starts())
    _close(lease, video, summary)


@contextmanager
def scratch_folder(size_bytes: int) -> Iterator[Path]:
    """A private folder with room for the original, emptied afterwards. Raises Problem when the disk is too full."""
    settings.SCRATCH_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    if shutil.disk_usage(settings.SCRATCH_DIR).free < size_bytes * ROOM:
        raise Problem("The worker's disk has no room for this file. Free some space, then press Retry.")
    with tempfile.TemporaryDirectory(dir=settings.SCRATCH_DIR) as name:
        yield Path(name)


def _sampling(video: Video) -> Sampling:
    """The data set's, unless frames were taken already: theirs."""
    if video.sampling is not None:
        return Sampling(**video.sampling)
    return Sampling(mode=cast(Mode, video.dataset.sampling_mode), step=video.dataset.sampling_step)


def _extract(lease: Lease, video: Video, original: Path, sampling: Sampling, shots: ShotFinder) -> Summary:
    dataset = video.dataset
    extraction = Extraction(
        original,
        sampling=sampling,
        preprocessing=Preprocessing(dataset.input_height, dataset.input_width, cast(Bars, dataset.bars)),
        crop=Crop.parse(video.crop) if video.crop else None,
        on_info=lambda info: _note_info(lease, video, info),
        on_progress=lambda fraction: lease.progress(fraction, "decoding"),
        should_stop=lease.should_stop,
    )
    try:
        for writer in packed(extraction, extraction.preprocessing):
            store_pack(lease, video, writer)
            shots.add(writer.pixels)
    except Stopped:
        lease.check()
        raise
    if extraction.summary is None:
        raise MediaError("The decoder ended early without saying why.")
    return extraction.summary


def _note_info(lease: Lease, video: Video, info: VideoInfo) -> None:
    with lease.transaction():
        Video.objects.filter(pk=video.pk).update(
            width=info.width,
            height=info.height,
            codec=info.codec[:40],
            fps=info.fps,
            declared_duration_s=info.declared_duration_s,
            bars=info.bars.as_json(),
        )


def store_pack(lease: Lease, video: Video, writer: PackWriter) -> None:
    """Write one chunk: two objects, then its rows in small transactions, the mark of completeness last."""
    known = Pack.objects.filter(video=video, chunk=writer.chunk, is_complete=True).first()
    if known is not None and known.revision == video.revision:
        return
    if known is not None:
        _check_same_frames(known, writer)
    places, written = _write_objects(video, writer)
    if known is not None:
        _replace(lease, known, writer, places, written)
    else:
        _store_rows(lease, video, writer, places, written)


def _write_objects(video: Video, writer: PackWriter) -> tuple[list[tuple[int, int]], dict[str, int]]:
    """Where each thumbnail lies, and what the pack's row says of its objects."""
    thumbs, places = writer.thumbnails()
    inputs = writer.inputs()
    storage.write(video.pack_key(writer.chunk, "thumbs"), thumbs)
    storage.write(video.pack_key(writer.chunk, "inputs"), inputs)
    return places, {"revision": video.revision, "thumbs_bytes": len(thumbs), "inputs_bytes": len(inputs)}


def _check_same_frames(pack: Pack, writer: PackWriter) -> None:
    """Verdicts hang on frames by number: a number must go on showing the same moment."""
    before = list(pack.frames.order_by("number").values_list("number", "time_s"))
    now = [(frame.number, frame.time_s) for frame in writer.frames]
    if [number for number, _ in before] != [number for number, _ in now] or any(
        abs(old_s - new_s) > SAME_MOMENT_S for (_, old_s), (_, new_s) in zip(before, now, strict=True)
    ):
        raise Problem(OTHER_FRAMES)


def _replace(
    lease: Lease, pack: Pack, writer: PackWriter, places: list[tuple[int, int]], written: dict[str, int]
) -> None:
    """Switch a pack over to its new objects; what was said of its old inputs goes, what people said stays."""
    moved = list(_moved(pack, places, copies_in(writer.pixels, pack.first_number)))
    with lease.transaction():
        # A pack is small, and half of one must never be seen; scoring locks the same row (worker/score.py).
        Pack.objects.select_for_update().get(pk=pack.pk)
        scores = FrameScore.objects.filter(frame__pack=pack)
        probabilities = FrameProbability.objects.filter(frame__pack=pack)
        tally_changes.scores_removed(pack.video.dataset_id, scores, probabilities)
        scores.delete()
        probabilities.delete()
        ScoredPack.objects.filter(pack=pack).delete()
        Frame.objects.bulk_update(moved, ["thumb_offset", "thumb_bytes", "copy_of", "copies"])
        Pack.objects.filter(pk=pack.pk).update(**written)
        videos.request_scores(pack.video)


def _moved(pack: Pack, places: list[tuple[int, int]], copies: list[Copy]) -> Iterator[Frame]:
    """Frames whose thumbnail lies elsewhere than before, as another version of the JPEG library may place it, or which
    are copies of others than before."""
    for frame, place, copy in zip(pack.frames.order_by("number"), places, copies, strict=True):
        if (frame.thumb_offset, frame.thumb_bytes, frame.copy_of, frame.copies) != (*place, *copy):
            frame.thumb_offset, frame.thumb_bytes = place
            frame.copy_of, frame.copies = copy
            yield frame


def _store_rows(
    lease: Lease, video: Video, writer: PackWriter, places: list[tuple[int, int]], written: dict[str, int]
) -> None:
    frames = writer.frames
    with lease.transaction():
        pack, _ = Pack.objects.update_or_create(
            video=video,
            chunk=writer.chunk,
            defaults={"first_number": frames[0].number, "frame_count": len(frames), **written},
        )
    copies = copies_in(writer.pixels, frames[0].number)
    rows = [
        Frame(
            video=video,
            pack=pack,
            number=frame.number,
            time_s=frame.time_s,
            thumb_offset=offset,
            thumb_bytes=length,
            copy_of=copy_of,
            copies=repeats,
        )
        for frame, (offset, length), (copy_of, repeats) in zip(frames, places, copies, strict=True)
    ]
    step = bulk.rows_per_transaction(len(rows))
    for start in range(0, len(rows), step):
        _store_some(lease, pack, rows[start : start + step], last=start + step >= len(rows))


def write_rows(rows: list[Frame]) -> None:
    """Those that an attempt before wrote, of a pack that it didn't finish, are written over."""
    numbers = rows[0].number, rows[-1].number
    if Frame.objects.filter(video=rows[0].video_id, number__range=numbers).exists():
        Frame.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["video", "number"],
            update_fields=["pack", "time_s", "thumb_offset", "thumb_bytes", "copy_of", "copies"],
        )
        return
    bulk.insert(Frame, COLUMNS, ([getattr(row, column) for column in COLUMNS] for row in rows))


def _store_some(lease: Lease, pack: Pack, rows: list[Frame], *, last: bool) -> None:
    with lease.transaction():
        write_rows(rows)
        if not last:
            return
        Pack.objects.filter(pk=pack.pk).update(is_complete=True)
        tally_changes.frames_stored(pack.video.dataset_id, pack.frame_count)
        Video.objects.filter(pk=pack.video_id).update(frame_count=rows[-1].number + 1)
        videos.request_scores(pack.video)


def _close(lease: Lease, video: Video, summary: Summary) -> None:
    if video.packs.exclude(revision=video.revision).exists():
        raise Problem(OTHER_FRAMES)
    with lease.transaction():
        Video.objects.filter(pk=video.pk).update(
            extracted_at=timezone.now(), duration_s=summary.duration_s, note=" ".join(summary.warnings)
        )
        videos.settle(video.pk)
        segments.rebuild(video=video)
    if summary.warnings:
        lease.log(" ".join(summary.warnings))
