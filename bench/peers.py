"""Ways of taking a frame per so many seconds out of a video, as processes: `python -m bench.peers WAY FILE STEP_S`.

Prints how many frames it took. Ours gives a thumbnail of 320 pixels as JPEG and the model's input of each; so do the
naive flow and PyAV, while ffmpeg and decord only scale to 320 pixels, which is less work.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

THUMB, INPUT = (320, 180), (80, 60)


def ours(path: str, step_s: float) -> int:
    """What a worker's decoder does, without its sandbox."""
    from scoring.decode import sample_frames
    from scoring.sampling import Sampling

    return sum(1 for _ in sample_frames(path, Sampling("seconds", step_s)))


def ours_whole(path: str, step_s: float) -> int:
    """Ours, every picture decoded."""
    from scoring.decode import sample_frames
    from scoring.sampling import Sampling

    return sum(1 for _ in sample_frames(path, Sampling("seconds", step_s), may_plan=False))


def ours_keys(path: str, step_s: float) -> int:
    """Ours, the key frames and nothing else."""
    from scoring.decode import sample_frames
    from scoring.sampling import Sampling

    return sum(1 for _ in sample_frames(path, Sampling("keyframes")))


def ffmpeg(path: str, step_s: float) -> int:
    """ffmpeg -vf fps=1/step,scale=320:-2, the frames thrown away."""
    return _ffmpeg("-i", path, "-vf", f"fps={1 / step_s:g},scale=320:-2")


def ffmpeg_keys(path: str, step_s: float) -> int:
    """ffmpeg -skip_frame nokey, scaled to 320 pixels."""
    return _ffmpeg("-skip_frame", "nokey", "-i", path, "-vf", "scale=320:-2", "-fps_mode", "passthrough")


def _ffmpeg(*options: str) -> int:
    command = [ffmpeg_binary(), "-v", "error", "-nostdin", *options, "-f", "rawvideo", "-"]
    taken = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while chunk := process.stdout.read(1 << 20):
            taken += len(chunk)
    if process.returncode:
        raise SystemExit(process.returncode)
    return round(taken / (1.5 * THUMB[0] * THUMB[1]))


def ffmpeg_binary() -> str:
    """imageio-ffmpeg's, so that everybody measures against the same one."""
    return str(import_module("imageio_ffmpeg").get_ffmpeg_exe())


def naive(path: str, step_s: float) -> int:
    """OpenCV reads every picture, one per step is written as JPEG, Pillow reads it back and makes the input."""
    from PIL import Image

    taken = 0
    with tempfile.TemporaryDirectory() as folder:
        for file in taken_by_opencv(path, step_s, Path(folder)):
            with Image.open(file) as image:
                image.convert("RGB").resize(INPUT, Image.Resampling.BOX).tobytes()
            taken += 1
    return taken


def taken_by_opencv(path: str, step_s: float, folder: Path) -> Iterator[Path]:
    """One picture per step, as a JPEG file of full size in `folder`."""
    cv2 = import_module("cv2")
    capture, taken, due_ms = cv2.VideoCapture(path), 0, 0.0
    while capture.grab():
        if capture.get(cv2.CAP_PROP_POS_MSEC) < due_ms - 1:
            continue
        file = folder / f"{taken}.jpg"
        cv2.imwrite(str(file), capture.retrieve()[1])
        yield file
        taken, due_ms = taken + 1, due_ms + 1000 * step_s


def pyav(path: str, step_s: float) -> int:
    """PyAV decodes everything with its own threads; Pillow scales."""
    return sum(1 for image in taken_by_pyav(path, step_s) if image.tobytes())


def taken_by_pyav(path: str, step_s: float) -> Iterator[Image]:
    """One picture per step as the model's input; its thumbnail is made as well."""
    import av
    from PIL.Image import Resampling

    due_s = 0.0
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            if frame.time is None or frame.time < due_s - 1e-3:
                continue
            image = frame.to_image()  # type: ignore[no-untyped-call]
            image.resize(THUMB, Resampling.BOX).save(io.BytesIO(), "JPEG", quality=80)
            yield image.resize(INPUT, Resampling.BOX)
            due_s += step_s


def decord(path: str, step_s: float) -> int:
    """decord takes the pictures by number, scaled to 320 pixels."""
    reader = import_module("decord").VideoReader(path, width=THUMB[0], height=THUMB[1])
    numbers = range(0, len(reader), max(1, round(step_s * reader.get_avg_fps())))
    return sum(1 for number in numbers if reader[number].shape)


def torchcodec(path: str, step_s: float) -> int:
    """TorchCodec takes the pictures by time, at full size."""
    decoder = import_module("torchcodec.decoders").VideoDecoder(path)
    end_s, seconds = decoder.metadata.end_stream_seconds, decoder.metadata.begin_stream_seconds
    taken = 0
    while seconds < end_s:
        taken += decoder.get_frame_played_at(seconds).data.shape[0] > 0
        seconds += step_s
    return taken


WAYS: dict[str, Callable[[str, float], int]] = {
    way.__name__: way for way in (ours, ours_whole, ffmpeg, naive, pyav, decord, torchcodec, ours_keys, ffmpeg_keys)
}
KEY_WAYS = ("ours_keys", "ffmpeg_keys")  # of any step


if __name__ == "__main__":
    print(WAYS[sys.argv[1]](sys.argv[2], float(sys.argv[3])))
