"""Decodes one video once and gives its sampled frames. Runs in the sandboxed child only (see scoring/sandbox.py)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from av.video.frame import VideoFrame

from scoring.framing import CropError, Framing
from scoring.geometry import Geometry
from scoring.limits import check_size
from scoring.media import Declared, MediaError, MediaLimits
from scoring.pictures import Painter
from scoring.plan import plan
from scoring.planned import NotAsPlannedError, decode_planned
from scoring.preprocessing import Crop, Preprocessing
from scoring.reading import PictureReader
from scoring.records import Summary, VideoInfo
from scoring.sampling import Sampling, sampler_for

NOTHING_DECODED = "No picture of this video could be decoded."

# A stream's own length is right to a picture or two; that of a container with sound covers the sound as well.
SLACK_PICTURES = 2
SLACK_WITH_SOUND_S = 0.5
SHORT_FRACTION = 0.02
SHORT_S = 1.0


@dataclass(frozen=True)
class DecodedFrame:
    """As SampledFrame, with the model's input as raw RGB bytes: the child does without NumPy, it starts faster."""

    number: int
    time_s: float
    keyframe: bool
    thumbnail: bytes
    rgb: bytes


@dataclass(frozen=True)
class _Painted:
    """What is made of a picture where it was decoded."""

    geometry: Geometry
    cut: Crop
    thumbnail: bytes
    rgb: bytes
    keyframe: bool


class Decoding:
    """Iterate once for the sampled frames, in presentation order; then ask for `summary()`.

    `info` is set before the first frame is given; `was_planned` afterwards: no picture was decoded in vain.
    """

    info: VideoInfo

    def __init__(
        self,
        reader: PictureReader,
        sampling: Sampling,
        make_painter: Callable[[], Painter],
        framing: Framing,
        limits: MediaLimits,
        *,
        may_plan: bool,
    ) -> None:
        self.reader = reader
        self.sampled = 0
        self.was_planned = False
        self._sampling = sampling
        self._make_painter = make_painter
        self._framing = framing
        self._limits = limits
        self._may_plan = may_plan
        self._unusable = 0

    def __iter__(self) -> Iterator[DecodedFrame]:
        """Raises MediaError when the file can't be opened, is over a limit, or is smaller than what is to be cut."""
        self._framing.look(lambda: self.reader.on_packet())
        if self._may_plan:
            yield from self._planned()
        if not self.was_planned:
            yield from self._whole()

    def _planned(self) -> Iterator[DecodedFrame]:
        """The sampled pictures and what they need, where the file lets itself be planned. What the decoder doesn't give
        as planned is left to the decoding of the whole."""
        reader = self.reader
        found = plan(reader.path, self._sampling, self._limits, lambda: reader.on_packet())
        if found is None:
            return
        reader.follow(found.declared, found.packets)
        try:
            for pts, painted in decode_planned(reader.path, found, self._limits, self._make_work, reader.passed):
                reader.timeline.duration_s = found.gone_s[pts]
                yield self._next(painted, found.time_s[pts])
        except NotAsPlannedError:
            return
        reader.timeline.duration_s = found.duration_s
        self.was_planned = True

    def _whole(self) -> Iterator[DecodedFrame]:
        """By decoding everything; frames that were given already are passed over."""
        given, work, sampler = self.sampled, self._make_work(), sampler_for(self._sampling)
        for picture in self.reader:
            timeline = self.reader.timeline
            time_s = timeline.time_of(picture.pts, picture.time_base)
            if self._sampling.mode != "keyframes":
                timeline.advance(time_s)
            if sampler.wants(time_s, keyframe=bool(picture.key_frame)):
                if given == 0:
                    yield from self._usable(work, picture, time_s)
                given = max(0, given - 1)
            if self.sampled >= self._limits.max_frames:
                return

    def summary(self) -> Summary:
        """Raises MediaError when not a single frame could be decoded."""
        if self.sampled == 0:
            raise MediaError(self.reader.problems[0] if self.reader.problems else NOTHING_DECODED)
        return Summary(self.sampled, round(self.reader.timeline.duration_s, 3), tuple(self._warnings()))

    def _make_work(self) -> Callable[[VideoFrame], _Painted]:
        painter = self._make_painter()

        def work(picture: VideoFrame) -> _Painted:
            check_size(picture.width, picture.height, self._limits)
            geometry = Geometry.of(picture, self.reader.declared.pixel_aspect)
            cut = self._framing.cut_of(geometry)
            return _Painted(geometry, cut, *painter.paint(picture, geometry, cut), bool(picture.key_frame))

        return work

    def _usable(
        self, work: Callable[[VideoFrame], _Painted], picture: VideoFrame, time_s: float
    ) -> Iterator[DecodedFrame]:
        try:
            painted = work(picture)
        except CropError:
            raise
        except (MediaError, ValueError, OSError, MemoryError):
            # Size and pixel format may change in the middle of a stream.
            self._unusable += 1
            return
        yield self._next(painted, time_s)

    def _next(self, painted: _Painted, time_s: float) -> DecodedFrame:
        if self.sampled == 0:
            self.info = _describe(self.reader.declared, painted.geometry, painted.cut)
        self.sampled += 1
        return DecodedFrame(self.sampled - 1, time_s, painted.keyframe, painted.thumbnail, painted.rgb)

    def _warnings(self) -> Iterator[str]:
        yield from dict.fromkeys(self.reader.problems)
        damaged = self.reader.damaged + self._unusable
        if damaged:
            yield f"{damaged} damaged {'piece' if damaged == 1 else 'pieces'} of the video could not be decoded."
        if self.sampled >= self._limits.max_frames:
            yield f"Only the first {self.sampled} frames were taken: that is the limit."
        else:
            yield from self._shortfall()

    def _shortfall(self) -> Iterator[str]:
        declared, decoded_s = self.reader.declared, self.reader.timeline.duration_s
        missing_s = (declared.duration_s or 0.0) - decoded_s
        missing_pictures = (declared.frames or 0) - self.reader.packets
        if missing_s > self._slack_s() and missing_s > min(SHORT_S, SHORT_FRACTION * (declared.duration_s or 0.0)):
            yield f"The file ends early: {decoded_s:.1f} s of {declared.duration_s:.1f} s could be read."
        elif missing_pictures > max(SLACK_PICTURES, SHORT_FRACTION * (declared.frames or 0)):
            yield f"The file ends early: {self.reader.packets} of {declared.frames} pictures are there."

    def _slack_s(self) -> float:
        pictures_s = SLACK_PICTURES * self.reader.timeline.picture_s
        return pictures_s if self.reader.declared.exact_duration else max(SLACK_WITH_SOUND_S, pictures_s)


def _describe(declared: Declared, geometry: Geometry, cut: Crop) -> VideoInfo:
    width, height = geometry.display_size
    return VideoInfo(
        width=width,
        height=height,
        codec=declared.codec,
        fps=declared.fps,
        declared_duration_s=declared.duration_s,
        declared_frames=declared.frames,
        rotation=geometry.rotation,
        bars=cut,
    )


def sample_frames(
    path: str,
    sampling: Sampling,
    *,
    preprocessing: Preprocessing | None = None,
    crop: Crop | None = None,
    thumb_width: int = 320,
    limits: MediaLimits | None = None,
    may_plan: bool = True,
) -> Decoding:
    """The sampled frames of the local file `path`. crop: what a person wants cut, whatever bars there are. may_plan:
    decode what the sampled frames need alone, where that can be told; the frames are the same."""
    preprocessing, limits = preprocessing or Preprocessing(), limits or MediaLimits()
    reader = PictureReader(path, limits, keyframes_only=sampling.mode == "keyframes")
    if crop is None and preprocessing.bars == "keep":
        crop = Crop()
    framing = Framing(path, crop, limits)
    return Decoding(reader, sampling, lambda: Painter(preprocessing, thumb_width), framing, limits, may_plan=may_plan)
