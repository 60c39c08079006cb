"""The timeline of the demo footage: which video shows what, when. Pure and seeded; nothing is drawn here.

Everything is counted in frames of a constant rate, so a cut always falls on a frame and the truth of a sampled frame
never depends on rounding.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

FPS = 8
STEP_S = 0.5
IN_DISTRIBUTION = frozenset({"match"})
KINDS = ("match", "ad", "ad_green", "american_football")
# No scene is shorter than this, so that short versions keep every cut.
SHORTEST_SCENE_FRAMES = 4

REFERENCES = 6
REFERENCE_BLOCKS = (("match", 46.0),)
RECORDING_BLOCKS = (
    (
        ("match", 21.0),
        ("ad", 13.0),
        ("match", 24.0),
        ("american_football", 13.0),
        ("match", 24.0),
        ("ad", 13.0),
        ("match", 17.0),
    ),
    (
        ("match", 16.0),
        ("ad", 12.0),
        ("match", 27.0),
        ("ad", 14.0),
        ("match", 19.0),
        ("american_football", 14.0),
        ("match", 23.0),
    ),
)
MATCH_CYCLE = ("main", "close", "main", "box", "main", "fans", "box", "main", "close")
MATCH_LENGTHS_S = {"main": (6.0, 9.0), "box": (4.5, 6.5), "close": (2.2, 3.0), "fans": (1.6, 2.0)}
AD_SHOTS = ("sale", "portrait", "bottle", "car", "burst", "phone", "skyline", "duo", "cereal", "type")


@dataclass(frozen=True)
class Scene:
    """Frames [start_frame, end_frame) of one shot; `shot` chooses how the kind is drawn."""

    kind: str
    shot: str
    start_frame: int
    end_frame: int
    seed: str

    @property
    def start_s(self) -> float:
        return self.start_frame / FPS

    @property
    def end_s(self) -> float:
        return self.end_frame / FPS

    @property
    def frames(self) -> int:
        return self.end_frame - self.start_frame


@dataclass(frozen=True)
class Video:
    """One video of the demo: its scenes follow each other without holes."""

    name: str
    look: int
    reference: bool
    seed: int
    scenes: tuple[Scene, ...]

    @property
    def file_name(self) -> str:
        return f"{self.name}.mp4"

    @property
    def frames(self) -> int:
        return self.scenes[-1].end_frame

    @property
    def duration_s(self) -> float:
        return self.frames / FPS

    def scene_at(self, frame: int) -> Scene:
        """The scene that shows `frame`; IndexError past the end."""
        for scene in self.scenes:
            if scene.start_frame <= frame < scene.end_frame:
                return scene
        raise IndexError(f"{self.name} has no frame {frame}")


@dataclass(frozen=True)
class FrameTruth:
    """What one sampled frame shows; `number` counts sampled frames from 0, as the product does."""

    video: str
    number: int
    time_s: float
    kind: str
    in_distribution: bool


def demo(seed: int = 0, scale: float = 1.0) -> tuple[Video, ...]:
    """Six reference matches and two unsorted recordings; `scale` shortens every scene, the structure stays."""
    if not 0 < scale <= 1:
        raise ValueError(f"The scale must lie above 0 and be at most 1, not {scale}.")
    references = [_video(f"reference-{n + 1}", n, True, seed, REFERENCE_BLOCKS, scale) for n in range(REFERENCES)]
    recordings = [
        _video(f"recording-{n + 1}", REFERENCES + n, False, seed, blocks, scale)
        for n, blocks in enumerate(RECORDING_BLOCKS)
    ]
    return (*references, *recordings)


def clip(name: str, kinds: Sequence[tuple[str, float]], seed: int = 0) -> Video:
    """A single short video of the given (kind, seconds) blocks. ValueError for an unknown kind or no length."""
    for kind, seconds in kinds:
        if kind not in KINDS:
            raise ValueError(f"There is no kind {kind!r}; the kinds are {', '.join(KINDS)}.")
        if seconds * FPS < 1:
            raise ValueError(f"A scene of {seconds} s is shorter than one frame of {1 / FPS} s.")
    scenes: list[Scene] = []
    for n, (kind, seconds) in enumerate(kinds):
        start = scenes[-1].end_frame if scenes else 0
        shot = {"match": "main", "ad": AD_SHOTS[(seed + n) % len(AD_SHOTS)]}.get(kind, "main")
        scenes.append(Scene(kind, shot, start, start + round(seconds * FPS), f"{seed}/{name}/{n}"))
    if not scenes:
        raise ValueError("A clip needs at least one scene.")
    return Video(name, seed % (REFERENCES + len(RECORDING_BLOCKS)), False, seed, tuple(scenes))


def truth(video: Video, step: float = STEP_S) -> list[FrameTruth]:
    """The truth of every frame the product samples: the first frame at or after each multiple of `step` seconds."""
    if step <= 0:
        raise ValueError(f"The step must be above 0 seconds, not {step}.")
    due = (math.ceil(k * step * FPS - 1e-9) for k in range(math.floor(video.frames / (step * FPS)) + 1))
    sampled = sorted({frame for frame in due if frame < video.frames})
    return [_frame_truth(video, number, frame) for number, frame in enumerate(sampled)]


def _frame_truth(video: Video, number: int, frame: int) -> FrameTruth:
    kind = video.scene_at(frame).kind
    return FrameTruth(video.file_name, number, frame / FPS, kind, kind in IN_DISTRIBUTION)


def _video(
    name: str, look: int, reference: bool, seed: int, blocks: Sequence[tuple[str, float]], scale: float
) -> Video:
    rng = random.Random(f"{seed}/{name}")  # noqa: S311  (footage, not secrets)
    director = _director(rng)
    plan = [shot for kind, seconds in blocks for shot in _shots(kind, seconds, director, rng)]
    scenes, start = [], 0
    for n, (kind, shot, seconds) in enumerate(plan):
        end = start + max(SHORTEST_SCENE_FRAMES, round(seconds * scale * FPS))
        scenes.append(Scene(kind, shot, start, end, f"{seed}/{name}/{n}"))
        start = end
    return Video(name, look, reference, seed, tuple(scenes))


def _shots(kind: str, seconds: float, director: Iterator[str], rng: random.Random) -> list[tuple[str, str, float]]:
    """Cuts a block into shots as a director would: (kind, shot, seconds), together `seconds` long."""
    if kind == "match":
        return _match_shots(seconds, director, rng)
    if kind == "ad":
        return _ad_shots(seconds, rng)
    half = seconds * rng.uniform(0.45, 0.6)
    return [(kind, "main", half), (kind, "main", seconds - half)]


def _director(rng: random.Random) -> Iterator[str]:
    """The shots of a match in an order that goes on over the breaks, so that every match shows all of them."""
    # From any of these places all shots are shown before the shortest match is over.
    start = rng.randrange(MATCH_CYCLE.index("fans") + 1)
    return cycle((*MATCH_CYCLE[start:], *MATCH_CYCLE[:start]))


def _match_shots(seconds: float, director: Iterator[str], rng: random.Random) -> list[tuple[str, str, float]]:
    shots: list[tuple[str, str, float]] = []
    left = seconds
    while left > 0:
        shot = next(director)
        length = rng.uniform(*MATCH_LENGTHS_S[shot])
        # A rest too short for a shot of its own belongs to this one.
        length = left if left - length < 3.0 else length
        shots.append(("match", shot, length))
        left -= length
    return shots


def _ad_shots(seconds: float, rng: random.Random) -> list[tuple[str, str, float]]:
    """A break: shots of 1.4 to 2.6 s, one of them the green product that a green pitch is easily taken for."""
    weights = [rng.uniform(1.4, 2.6) for _ in range(round(seconds / 2.0))]
    shots = rng.sample(AD_SHOTS, len(weights))
    green = rng.randrange(1, len(weights))
    share = seconds / sum(weights)
    return [
        ("ad_green", "green", weight * share) if n == green else ("ad", shot, weight * share)
        for n, (shot, weight) in enumerate(zip(shots, weights, strict=True))
    ]
