"""From the script to files: draws every scene of a video and encodes it."""

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from PIL import Image

from scoring.demo import script
from scoring.demo.camera import Panorama, Pixels
from scoring.demo.draw_ads import ad_shot
from scoring.demo.draw_gridiron import gridiron_shot
from scoring.demo.draw_match import backdrop, close_shot, main_shot
from scoring.demo.draw_overlay import Grain
from scoring.demo.draw_stadium import panorama
from scoring.demo.encode import write_video
from scoring.demo.looks import Look, gridiron_look, match_look
from scoring.demo.motion import seeded
from scoring.demo.script import Scene, Video

MANIFEST = "manifest.json"
Progress = Callable[[str, float], None]


class Stage:
    """What all scenes of one video share: looks, panoramas and backgrounds, each made when first needed."""

    def __init__(self, video: Video) -> None:
        self.video = video

    @cached_property
    def match(self) -> Look:
        return match_look(self.video.look, self.video.seed)

    @cached_property
    def match_panorama(self) -> Panorama:
        return panorama(self.match)

    @cached_property
    def gridiron(self) -> Look:
        return gridiron_look(self.video.look, self.video.seed)

    @cached_property
    def gridiron_panorama(self) -> Panorama:
        return panorama(self.gridiron, gridiron=True)

    @cached_property
    def low_backdrop(self) -> Image.Image:
        return backdrop(self.match, True)

    @cached_property
    def high_backdrop(self) -> Image.Image:
        return backdrop(self.match, False)

    def pictures(self, scene: Scene) -> Iterator[Image.Image]:
        """The frames of a scene, RGB, without grain."""
        if scene.kind == "american_football":
            return gridiron_shot(scene, self.gridiron, self.gridiron_panorama)
        if scene.kind != "match":
            return ad_shot(scene)
        if scene.shot != "close":
            return main_shot(scene, self.match, self.match_panorama)
        low = bool(seeded(scene.seed + "/low").random() < 0.5)
        return close_shot(scene, self.match, self.low_backdrop if low else self.high_backdrop, low)

    def frames(self) -> Iterator[Pixels]:
        """All frames of the video, (height, width, 3)."""
        for scene in self.video.scenes:
            look = self.gridiron if scene.kind == "american_football" else self.match
            outdoors = scene.kind in ("match", "american_football")
            grain = Grain(look.grain if outdoors else 0.6, look.light.rain if outdoors else 0.0, seeded(scene.seed))
            yield from (grain.over(image) for image in self.pictures(scene))


def render(video: Video, path: Path, on_progress: Progress | None = None) -> None:
    """Writes one video; `on_progress` hears the file name and the share drawn, about twice a second, always below 1."""
    write_video(path, _reported(Stage(video), on_progress or (lambda name, share: None)))


def _reported(stage: Stage, on_progress: Progress) -> Iterator[Pixels]:
    video, last = stage.video, 0.0
    for n, picture in enumerate(stage.frames()):
        yield picture
        if time.monotonic() - last > 0.5:
            last = time.monotonic()
            on_progress(video.file_name, n / video.frames)


def make_demo(
    out: Path, *, seed: int = 0, scale: float = 1.0, workers: int = 2, on_progress: Progress | None = None
) -> tuple[Video, ...]:
    """Writes all videos and manifest.json into `out`. With several workers `on_progress` runs in their processes.

    A video is reported with 1.0 once its file is complete.
    """
    videos = script.demo(seed, scale)
    out.mkdir(parents=True, exist_ok=True)
    jobs = partial(_render_into, out, on_progress=on_progress)
    # References first: a model can be trained on them while the longer recordings are drawn.
    order = sorted(videos, key=lambda video: (not video.reference, -video.frames))
    if workers > 1:
        with ProcessPoolExecutor(min(workers, os.cpu_count() or 1), multiprocessing.get_context("spawn")) as pool:
            list(pool.map(jobs, order))
    else:
        for video in order:
            jobs(video)
    text = json.dumps(manifest(videos, seed), indent=1)
    (out / MANIFEST).write_text(text + "\n")
    return videos


def _render_into(out: Path, video: Video, on_progress: Progress | None) -> None:
    render(video, out / video.file_name, on_progress)
    if on_progress:
        on_progress(video.file_name, 1.0)


def make_clip(path: Path, kinds: Sequence[tuple[str, float]], seed: int = 0) -> Video:
    """One short recording of (kind, seconds) blocks at `path`, for tests; returns its script, which knows the truth."""
    video = script.clip(path.stem, kinds, seed)
    render(video, path)
    return video


def manifest(videos: Sequence[Video], seed: int) -> dict[str, Any]:
    """What the files show, as JSON: a reader of the demo needs nothing else."""
    return {
        "seed": seed,
        "frames_per_second": script.FPS,
        "step_s": script.STEP_S,
        "videos": [_entry(video) for video in videos],
    }


def _entry(video: Video) -> dict[str, Any]:
    look = match_look(video.look, video.seed)
    scenes = [
        {"kind": scene.kind, "shot": scene.shot, "start_s": scene.start_s, "end_s": scene.end_s}
        for scene in video.scenes
    ]
    return {
        "file": video.file_name,
        "title": f"{look.home.name} - {look.away.name}",
        "reference": video.reference,
        "frames": video.frames,
        "duration_s": video.duration_s,
        "scenes": scenes,
    }


def truth_lines(videos: Sequence[Video], step: float = script.STEP_S) -> Iterator[str]:
    """One JSON object per sampled frame of every video."""
    for video in videos:
        for frame in script.truth(video, step):
            yield json.dumps(asdict(frame))
