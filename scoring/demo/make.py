"""From the script to files: draws every scene of a video and encodes it."""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image

from scoring.demo import script
from scoring.demo.camera import Panorama, Pixels
from scoring.demo.draw_ads import ad_shot
from scoring.demo.draw_fans import fans_shot
from scoring.demo.draw_gridiron import gridiron_shot
from scoring.demo.draw_match import backdrop, close_shot, main_shot
from scoring.demo.draw_overlay import Grain
from scoring.demo.draw_stadium import panorama
from scoring.demo.encode import write_video
from scoring.demo.looks import Look, gridiron_look, match_look
from scoring.demo.motion import seeded
from scoring.demo.parallel import Progress, render_in_parallel
from scoring.demo.script import Scene, Video

MANIFEST = "manifest.json"


def print_progress(video: str, share: float) -> None:
    """One JSON line on stderr; lives here because the drawing processes must be able to import it."""
    print(json.dumps({"video": video, "progress": round(share, 3)}), file=sys.stderr, flush=True)


class Stage:
    """What all scenes of one video share: looks, panoramas and backgrounds, each made when first needed."""

    def __init__(self, video: Video) -> None:
        self.video = video
        self._grains: dict[str, Grain] = {}

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
        if scene.shot in ("main", "box"):
            return main_shot(scene, self.match, self.match_panorama)
        if scene.shot == "fans":
            return fans_shot(scene, self.match)
        low = bool(seeded(scene.seed + "/low").random() < 0.9)
        return close_shot(scene, self.match, self.low_backdrop if low else self.high_backdrop, low)

    def frames(self) -> Iterator[Pixels]:
        """All frames of the video, (height, width, 3)."""
        for scene in self.video.scenes:
            yield from self.frames_of(scene)

    def frames_of(self, scene: Scene) -> Iterator[Pixels]:
        """The frames of one scene as the camera gives them, (height, width, 3)."""
        grain = self.grain_of(scene.kind)
        grain.restart(seeded(scene.seed))
        return (grain.over(image) for image in self.pictures(scene))

    def grain_of(self, kind: str) -> Grain:
        """The noise of the camera that took this kind of scene, made once."""
        if kind not in self._grains:
            look = {"match": self.match, "american_football": self.gridiron}.get(kind)
            strength, rain = (look.grain, look.light.rain) if look else (0.6, 0.0)
            self._grains[kind] = Grain(strength, rain, seeded(f"{self.video.name}/{kind}"))
        return self._grains[kind]


def render(video: Video, path: Path, on_progress: Progress | None = None) -> None:
    """Writes one video; `on_progress` hears the file name and the share drawn, and 1 when the file is complete."""
    on_progress = on_progress or (lambda name, share: None)
    write_video(path, _reported(Stage(video), on_progress))
    on_progress(video.file_name, 1.0)


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
    """Writes all videos and manifest.json into `out`. EncodingFailed or OSError when a file can't be written."""
    videos = script.demo(seed, scale)
    out.mkdir(parents=True, exist_ok=True)
    on_progress = on_progress or (lambda name, share: None)
    # References first: their frames are taken while the longer recordings are drawn.
    order = sorted(videos, key=lambda video: (not video.reference, -video.frames))
    workers = min(workers, os.cpu_count() or 1)
    if workers > 1:
        render_in_parallel(render, [(video, out / video.file_name) for video in order], workers, on_progress)
    else:
        for video in order:
            render(video, out / video.file_name, on_progress)
    text = json.dumps(manifest(videos, seed), indent=1)
    (out / MANIFEST).write_text(text + "\n")
    return videos


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
