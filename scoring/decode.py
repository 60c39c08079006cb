"""Decodes one video once and gives its sampled frames. Runs in the sandboxed child only (see scoring/sandbox.py)."""

from collections.abc import Iterator
from dataclasses import dataclass

from av.video.frame import VideoFrame

from scoring.framing import CropError, Framing
from scoring.geometry import Geometry
from scoring.limits import check_size
from scoring.media import Declared, MediaError, MediaLimits
from scoring.pictures import Painter
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


class Decoding:
    """Iterate once for the sampled frames, in presentation order; then ask for `summary()`.

    `info` is set before the first frame is given.
    """

    info: VideoInfo

    def __init__(
        self, reader: PictureReader, sampling: Sampling, painter: Painter, framing: Framing, limits: MediaLimits
    ) -> None:
        self.reader = reader
        self._framing = framing
        self.sampled = 0
        self._unusable = 0
        self._limits = limits
        self._keyframes_only = sampling.mode == "keyframes"
        self._sampler = sampler_for(sampling)
        self._painter = painter

    def __iter__(self) -> Iterator[DecodedFrame]:
        """Raises MediaError when the file can't be opened, is over a limit, or is smaller than what is to be cut."""
        self._framing.look(lambda: self.reader.on_packet())
        for picture in self.reader:
            timeline = self.reader.timeline
            time_s = timeline.time_of(picture.pts, picture.time_base)
            if not self._keyframes_only:
                timeline.advance(time_s)
            if self._sampler.wants(time_s, keyframe=bool(picture.key_frame)):
                yield from self._sampled(picture, time_s)
            if self.sampled >= self._limits.max_frames:
                return

    def summary(self) -> Summary:
        """Raises MediaError when not a single frame could be decoded."""
        if self.sampled == 0:
            raise MediaError(self.reader.problems[0] if self.reader.problems else NOTHING_DECODED)
        return Summary(self.sampled, round(self.reader.timeline.duration_s, 3), tuple(self._warnings()))

    def _sampled(self, picture: VideoFrame, time_s: float) -> Iterator[DecodedFrame]:
        try:
            check_size(picture.width, picture.height, self._limits)
            geometry = Geometry.of(picture, self.reader.declared.pixel_aspect)
            cut = self._framing.cut_of(geometry)
            thumbnail, rgb = self._painter.paint(picture, geometry, cut)
        except CropError:
            raise
        except (MediaError, ValueError, OSError, MemoryError):
            # Size and pixel format may change in the middle of a stream.
            self._unusable += 1
            return
        if self.sampled == 0:
            self.info = _describe(self.reader.declared, geometry, cut)
        yield DecodedFrame(self.sampled, time_s, bool(picture.key_frame), thumbnail, rgb)
        self.sampled += 1

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
) -> Decoding:
    """The sampled frames of the local file `path`. crop: what a person wants cut, whatever bars there are."""
    preprocessing, limits = preprocessing or Preprocessing(), limits or MediaLimits()
    reader = PictureReader(path, limits, keyframes_only=sampling.mode == "keyframes")
    if crop is None and preprocessing.bars == "keep":
        crop = Crop()
    framing = Framing(path, crop, limits)
    return Decoding(reader, sampling, Painter(preprocessing, thumb_width), framing, limits)
