"""Ways of going from a video to scores, each in a process that stays: `python -m bench.flows WAY`.

Reads lines of JSON {"path", "step_s"} and answers each with what the video took: seconds of CPU with those of the
children, seconds of the clock, frames, and the largest memory so far of the process and of its decoder. What is
done once per worker (imports, loading the model) is done before the first line is read and is nobody's cost.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.peers import INPUT, ffmpeg, taken_by_opencv, taken_by_pyav
from bench.turns import timed

Flow = Callable[[str, float], int]
WAYS = ("ours", "decode", "extract", "ffmpeg", "naive", "pyav")


def flow(way: str) -> Flow:
    """The way, ready to run."""
    made: dict[str, Callable[[], Flow]] = {
        "ours": _ours,
        "decode": lambda: _decode,
        "extract": lambda: _extract,
        "ffmpeg": lambda: ffmpeg,
        "naive": _naive,
        "pyav": _pyav,
    }
    return made[way]()


def _ours() -> Flow:
    """What the workers do: sandboxed decoder, thumbnails and inputs in packs, scores."""
    from bench.models import from_file
    from scoring.score import Scorer

    scorer = Scorer(from_file())

    def run(path: str, step_s: float) -> int:
        return sum(len(scorer.score(writer.pixels)) for writer in _packs(path, step_s))

    return run


def _extract(path: str, step_s: float) -> int:
    """Ours without the scores."""
    return sum(len(writer.frames) for writer in _packs(path, step_s))


def _packs(path: str, step_s: float) -> Iterator[Any]:
    from scoring.packs import packed
    from scoring.sampling import Sampling
    from scoring.sandbox import extract

    extraction = extract(Path(path), sampling=Sampling("seconds", step_s))
    with tempfile.TemporaryDirectory() as folder:
        for writer in packed(extraction, extraction.preprocessing):
            Path(folder, f"{writer.chunk}.thumbs").write_bytes(writer.thumbnails()[0])
            Path(folder, f"{writer.chunk}.inputs").write_bytes(writer.inputs())
            _watch(extraction)
            yield writer


def _decode(path: str, step_s: float) -> int:
    """Ours, the planned pictures decoded and nothing made of them; everything that can't be planned decoded."""
    from scoring.limits import MediaLimits
    from scoring.plan import plan
    from scoring.planned import decode_planned
    from scoring.reading import PictureReader
    from scoring.sampling import Sampling

    limits, nothing = MediaLimits(), (lambda: None)
    found = plan(path, Sampling("seconds", step_s), limits, nothing)
    if found is None:
        return sum(1 for _ in PictureReader(path, limits, keyframes_only=False))
    return sum(1 for _ in decode_planned(path, found, limits, lambda: lambda picture: picture.pts, nothing))


def _naive() -> Flow:
    """OpenCV reads every picture, one per step becomes a JPEG file; Pillow in a DataLoader; the network as it is."""
    import torch
    from torch.utils.data import DataLoader

    network, files = _network(), _Files()

    def run(path: str, step_s: float) -> int:
        with tempfile.TemporaryDirectory() as folder:
            files.paths = list(taken_by_opencv(path, step_s, Path(folder)))
            loader = DataLoader(files, batch_size=64)  # type: ignore[arg-type, var-annotated]
            with torch.inference_mode():
                return sum(len(network(batch)) for batch in loader)

    return run


class _Files:
    """JPEG files as a data set of tensors (3, H, W)."""

    paths: list[Path]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: int) -> Any:
        import numpy as np
        import torch
        from PIL import Image

        with Image.open(self.paths[place]) as image:
            small = image.convert("RGB").resize(INPUT, Image.Resampling.BOX)
        return torch.from_numpy(np.asarray(small).copy()).permute(2, 0, 1).float() / 255


def _pyav() -> Flow:
    """PyAV decodes everything, Pillow scales, the network as it is."""
    import numpy as np
    import torch

    network = _network()

    def run(path: str, step_s: float) -> int:
        inputs = np.stack([np.asarray(image) for image in taken_by_pyav(path, step_s)])
        x = torch.from_numpy(inputs).permute(0, 3, 1, 2).float() / 255
        with torch.inference_mode():
            return sum(len(network(x[start : start + 64])) for start in range(0, len(x), 64))

    return run


def _network() -> Callable[[Any], Any]:
    """Reconstruction losses (N,) by the same network, plain."""
    import torch

    from scoring.config import presets
    from scoring.vae import VAE

    torch.manual_seed(0)
    model = VAE(presets()["small"]).eval()

    def losses(x: Any) -> Any:
        return (model(x)[0] - x).square().flatten(1).sum(1)

    return losses


def _peaks_mb() -> dict[str, float]:
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"peak_mb": round(own, 1), "child_peak_mb": round(LARGEST_CHILD_KB[0] / 1024, 1)}


LARGEST_CHILD_KB = [0.0]


def _watch(extraction: Any) -> None:
    """Notes the decoder's memory as it is now: after its end it would be mixed up with that of the process it was
    forked from."""
    try:
        status = Path(f"/proc/{extraction.pid}/status").read_text()
    except OSError:
        return
    line = next((line for line in status.splitlines() if line.startswith("VmHWM")), "VmHWM: 0 kB")
    LARGEST_CHILD_KB[0] = max(LARGEST_CHILD_KB[0], float(line.split()[1]))


def main() -> None:
    if sys.argv[1] == "naive":
        import_module("cv2")
    run = flow(sys.argv[1])
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        spent = timed(lambda asked=asked: run(asked["path"], asked["step_s"]))  # type: ignore[misc]
        print(json.dumps({**asdict(spent), **_peaks_mb()}), flush=True)


if __name__ == "__main__":
    main()
