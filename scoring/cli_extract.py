"""`python -m scoring extract`: a video becomes packs in a folder, and one JSON line."""

import argparse
import json
from pathlib import Path
from typing import Any

from scoring.packs import INPUT_SUFFIX, PACK_NAME, THUMBNAIL_SUFFIX, PackWriter, pack_name, packed
from scoring.preprocessing import BARS, Crop, Preprocessing
from scoring.sampling import Sampling
from scoring.sandbox import Extraction, MediaError, SandboxError, extract

MANIFEST = "video.json"
UNUSABLE = 2


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser("extract", help="decode a video into packs")
    parser.add_argument("video", type=Path, metavar="VIDEO")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the packs; made if missing")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--every", type=float, metavar="SECONDS", help="one frame every so many seconds (default 1)")
    which.add_argument("--nth", type=int, metavar="N", help="every Nth frame")
    which.add_argument("--keyframes", action="store_true", help="key frames only")
    parser.add_argument("--height", type=int, default=60, help="height of the model's input in pixels (default 60)")
    parser.add_argument("--width", type=int, default=80, help="width of the model's input in pixels (default 80)")
    parser.add_argument(
        "--bars", choices=BARS, default="crop", help="black bars: found and cut away (default), or kept as they are"
    )
    parser.add_argument(
        "--crop", metavar="L,T,R,B", help="pixels to cut, as shown, instead of the bars that are found; or none"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints one JSON line. Exit status 2, with the reason in the line, for a video that can't be used."""
    try:
        extraction = extract(
            arguments.video,
            sampling=_sampling(arguments),
            preprocessing=Preprocessing(arguments.height, arguments.width, arguments.bars),
            crop=None if arguments.crop is None else Crop.parse(arguments.crop),
        )
        line = _write(extraction, arguments.out)
    except (MediaError, SandboxError, ValueError) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"The packs can't be written: {error.strerror or error}.")
    print(json.dumps(line))
    return 0


def _refuse(reason: str) -> int:
    print(json.dumps({"error": reason}))
    return UNUSABLE


def _sampling(arguments: argparse.Namespace) -> Sampling:
    if arguments.keyframes:
        return Sampling("keyframes")
    if arguments.nth is not None:
        return Sampling("nth", arguments.nth)
    return Sampling("seconds", 1.0 if arguments.every is None else arguments.every)


def _write(extraction: Extraction, folder: Path) -> dict[str, Any]:
    """The manifest is written last: a folder without one is not complete."""
    folder.mkdir(parents=True, exist_ok=True)
    _clear(folder)
    try:
        packs = [_write_pack(pack, folder) for pack in packed(extraction, extraction.preprocessing)]
    except BaseException:
        _clear(folder)
        raise
    assert extraction.info is not None
    assert extraction.summary is not None
    line = extraction.summary.as_json()
    manifest = {
        "info": extraction.info.as_json(),
        "preprocessing": extraction.preprocessing.as_json(),
        "summary": line,
        "packs": packs,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1))
    return line


def _clear(folder: Path) -> None:
    """Removes what an earlier extraction left here, and nothing else."""
    (folder / MANIFEST).unlink(missing_ok=True)
    for file in folder.iterdir():
        if PACK_NAME.fullmatch(file.name):
            file.unlink()


def _write_pack(pack: PackWriter, folder: Path) -> dict[str, Any]:
    name = pack_name(pack.chunk)
    blob, places = pack.thumbnails()
    (folder / f"{name}{THUMBNAIL_SUFFIX}").write_bytes(blob)
    (folder / f"{name}{INPUT_SUFFIX}").write_bytes(pack.inputs())
    frames = [
        {"number": frame.number, "time_s": frame.time_s, "keyframe": frame.keyframe, "offset": offset, "length": length}
        for frame, (offset, length) in zip(pack.frames, places, strict=True)
    ]
    return {"name": name, "frames": frames}
