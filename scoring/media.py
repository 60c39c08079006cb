"""The one place where a media file is opened.

Each option shuts a door that was seen open: `format_whitelist` keeps playlists (HLS, DASH, concat) and network
descriptions (SDP) out, `protocol_whitelist` keeps what the container names from being fetched, `codec_whitelist`
keeps exotic decoders from running, `max_probe_packets` and `probesize` bound the probing, and `max_pixels` bounds
the picture: as an option of the open it reaches the probe only, so it is set on the stream's codec context too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

import av
from av.codec.context import ThreadType
from av.container import InputContainer
from av.video.stream import VideoStream

from scoring.limits import OUT_OF_MEMORY, MediaError, MediaLimits, check_size

__all__ = ["Declared", "MediaError", "MediaLimits", "Opened", "open_video"]

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg"

VIDEO_CODECS = (
    "h264,hevc,vp8,libvpx,vp9,libvpx-vp9,av1,libdav1d,mpeg4,msmpeg4v1,msmpeg4v2,msmpeg4,mpeg1video,mpeg2video,"
    "h263,h263p,flv,vp6,vp6f,theora,prores,dnxhd,dvvideo,ffv1,huffyuv,ffvhuff,mjpeg,rawvideo"
)
# Never decoded, but the probe opens them to learn their parameters.
OTHER_CODECS = (
    "aac,aac_latm,mp1,mp2,mp3,mp1float,mp2float,mp3float,opus,libopus,vorbis,flac,alac,ac3,eac3,amrnb,amrwb,"
    "pcm_s16le,pcm_s16be,pcm_s24le,pcm_u8,adpcm_ms,adpcm_ima_wav,srt,subrip,ass,ssa,mov_text,webvtt"
)

OPEN_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 10.0
ATTACHED_PICTURE = 0x400
LARGE_PICTURE = 9_000_000
DECODER_THREADS = 4

NOT_A_VIDEO = "Not a video file that Framesift can read."
NO_VIDEO_STREAM = "The file holds no video stream."


MAX_FPS = 240.0
MIN_FPS = 0.001
MAX_PIXEL_ASPECT = 10


@dataclass(frozen=True)
class Declared:
    """What the file says of itself, where it is believable.

    exact_duration: the length is the video stream's own, or no sound could make the container's longer.
    pixel_aspect: width of a pixel / its height.
    """

    codec: str
    fps: float | None
    start_s: float | None
    duration_s: float | None
    exact_duration: bool
    frames: int | None
    pixel_aspect: Fraction


@dataclass(frozen=True)
class Opened:
    """A container and the one video stream to decode."""

    container: InputContainer
    stream: VideoStream
    declared: Declared


@contextmanager
def open_video(path: str, limits: MediaLimits, *, threads: int = DECODER_THREADS) -> Iterator[Opened]:
    """Opens the local file `path` (never a URL) and picks its first real video stream.

    Raises MediaError when it isn't a video, holds no picture stream, or is over a limit.
    """
    container = _open_container(path, limits)
    try:
        _check_streams(container, limits)
        stream = _first_video(container)
        declared = _declared(container, stream)
        _check_duration(declared, limits)
        check_size(stream.codec_context.width, stream.codec_context.height, limits)
        _prepare_decoder(stream, limits, threads)
        yield Opened(container, stream, declared)
    finally:
        container.close()


def _open_container(path: str, limits: MediaLimits) -> InputContainer:
    av.logging.set_level(None)
    try:
        return av.open(
            f"file:{path}",
            mode="r",
            timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S),
            # "strict" raises UnicodeDecodeError for a title in a legacy encoding.
            metadata_errors="replace",
            container_options=_container_options(limits),
            options={"max_pixels": str(limits.max_pixels), "threads": "1"},
        )
    except MemoryError as error:
        raise MediaError(OUT_OF_MEMORY) from error
    except Exception as error:
        # Anything goes here: FFmpegError and its kin, ValueError, UnicodeDecodeError, AttributeError.
        raise MediaError(NOT_A_VIDEO) from error


def _container_options(limits: MediaLimits) -> dict[str, str]:
    return {
        "format_whitelist": FORMATS,
        "protocol_whitelist": "file",
        "codec_whitelist": f"{VIDEO_CODECS},{OTHER_CODECS}",
        "max_streams": str(limits.max_streams + 1),
        "max_probe_packets": "2500",
        "probesize": "5000000",
    }


def _check_streams(container: InputContainer, limits: MediaLimits) -> None:
    found = len(container.streams)
    if found > limits.max_streams:
        raise MediaError(f"The file has {found} streams or more; the limit is {limits.max_streams}.")


def _first_video(container: InputContainer) -> VideoStream:
    """Cover art and thumbnails are declared as video streams, too."""
    for stream in container.streams.video:
        if int(stream.disposition) & ATTACHED_PICTURE:
            continue
        if stream.codec_context is not None:
            return stream
    if container.streams.video and any(s.codec_context is None for s in container.streams.video):
        raise MediaError("The video stream uses a codec that Framesift can't decode.")
    raise MediaError(NO_VIDEO_STREAM)


def _check_duration(declared: Declared, limits: MediaLimits) -> None:
    hours = (declared.duration_s or 0.0) / 3600
    if hours > limits.max_duration_h:
        limit = f"the limit is {limits.max_duration_h:g} hours"
        raise MediaError(f"The video says that it lasts {hours:.1f} hours; {limit}.")


def _declared(container: InputContainer, stream: VideoStream) -> Declared:
    own_s = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
    whole_s = container.duration / av.time_base if container.duration else 0.0
    duration_s = own_s if own_s > 0 else whole_s
    return Declared(
        codec=stream.codec_context.codec.canonical_name,
        fps=_believable_fps(stream),
        start_s=None if container.start_time is None else container.start_time / av.time_base,
        duration_s=duration_s if duration_s > 0 else None,
        exact_duration=own_s > 0 or not container.streams.audio,
        frames=stream.frames or None,
        pixel_aspect=_believable_aspect(stream),
    )


def _believable_fps(stream: VideoStream) -> float | None:
    """FLV says 1000, a file of one picture says anything."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate is not None and MIN_FPS <= rate <= MAX_FPS:
            return round(float(rate), 3)
    return None


def _believable_aspect(stream: VideoStream) -> Fraction:
    aspect = stream.sample_aspect_ratio or Fraction(1)
    return aspect if Fraction(1, MAX_PIXEL_ASPECT) <= aspect <= MAX_PIXEL_ASPECT else Fraction(1)


def _prepare_decoder(stream: VideoStream, limits: MediaLimits, threads: int) -> None:
    context = stream.codec_context
    context.options = {**context.options, "max_pixels": str(limits.max_pixels)}
    # Frame threads hold one picture each: too much memory for very large ones.
    large = context.width * context.height > LARGE_PICTURE
    context.thread_type = ThreadType.SLICE if large else ThreadType.AUTO
    context.thread_count = threads
