"""`python -m scoring extract`: the contract that scripts rely on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scoring.__main__ import main
from scoring.frames import Pixels
from scoring.packs import read_folder
from scoring.preprocessing import Crop, Preprocessing
from tests.scoring.test_bars import barred, scene
from tests.scoring.videos import make_sound, make_video, number_of

ROOT = Path(__file__).resolve().parents[2]


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, dict[str, Any]]:
    status = main(["extract", *map(str, words)])
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1
    line: dict[str, Any] = json.loads(printed.out)
    return status, line


def numbers(folder: Path) -> list[int]:
    return [number_of(pixels) for inputs in read_folder(folder) for pixels in inputs.pixels]


def test_it_writes_packs_and_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video, out = make_video(tmp_path / "a.mp4", seconds=3), tmp_path / "deep" / "out"
    assert run(capsys, video, "--out", out) == (0, {"frames": 3, "duration_s": 3.0, "warnings": []})
    assert sorted(file.name for file in out.iterdir()) == [
        "pack-000000.safetensors",
        "pack-000000.thumbs",
        "video.json",
    ]
    manifest = json.loads((out / "video.json").read_text())
    assert manifest["info"]["codec"] == "h264"
    (pack,) = manifest["packs"]
    blob = (out / "pack-000000.thumbs").read_bytes()
    for entry, time_s in zip(pack["frames"], [0.0, 1.0, 2.0], strict=True):
        assert entry["time_s"] == time_s
        assert blob[entry["offset"] :][: entry["length"]].startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--every", "0.5"], [0, 5, 10, 15]),
        (["--nth", "8"], [0, 8, 16]),
        (["--keyframes"], [0, 10]),
    ],
)
def test_it_samples_as_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], expected: list[int]
) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=2, options={"sc_threshold": "0"})
    run(capsys, video, "--out", tmp_path / "out", *words)
    assert numbers(tmp_path / "out") == expected


def test_it_makes_inputs_of_the_size_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video = make_video(tmp_path / "a.mp4")
    run(capsys, video, "--out", tmp_path / "out", "--height", "24", "--width", "32")
    assert read_folder(tmp_path / "out")[0].pixels.shape == (2, 24, 32, 3)


@pytest.mark.parametrize(
    ("words", "bars", "cut"),
    [
        ([], "crop", [0, 12, 0, 12]),
        (["--bars", "keep"], "keep", [0, 0, 0, 0]),
        (["--crop", "8,0,0,4"], "crop", [8, 0, 0, 4]),
    ],
)
def test_it_cuts_bars_as_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], bars: str, cut: list[int]
) -> None:
    def picture(number: int, size: tuple[int, int]) -> Pixels:
        return barred(scene(number, size), Crop(top=12, bottom=12))

    video, out = make_video(tmp_path / "a.mkv", size=(128, 96), codec="ffv1", picture=picture), tmp_path / "out"
    assert run(capsys, video, "--out", out, *words)[0] == 0
    manifest = json.loads((out / "video.json").read_text())
    assert list(manifest["info"]["bars"].values()) == cut
    assert manifest["preprocessing"]["bars"] == bars
    assert read_folder(out)[0].preprocessing == Preprocessing.from_json(manifest["preprocessing"])
    status, line = run(capsys, video, "--out", out, "--crop", "64,0,64,0")
    assert (status, "must be left" in line["error"]) == (2, True)
    status, line = run(capsys, video, "--out", out, "--crop", "wide")
    assert (status, "four whole numbers" in line["error"]) == (2, True)


def test_it_replaces_what_an_earlier_run_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video, out = make_video(tmp_path / "a.mp4", seconds=4), tmp_path / "out"
    run(capsys, video, "--out", out, "--nth", "1")
    (out / "notes.txt").write_text("mine")
    assert len(list(out.glob("pack-*"))) == 4
    run(capsys, video, "--out", out)
    assert sorted(file.name for file in out.iterdir()) == [
        "notes.txt",
        "pack-000000.safetensors",
        "pack-000000.thumbs",
        "video.json",
    ]


def test_it_refuses_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    sound = make_sound(tmp_path / "a.mp4")
    assert run(capsys, sound, "--out", out) == (2, {"error": "The file holds no video stream."})
    assert list(out.iterdir()) == []
    assert run(capsys, tmp_path / "none.mp4", "--out", out) == (2, {"error": "There is no such file."})
    status, line = run(capsys, sound, "--out", out, "--every", "0")
    assert (status, "step" in line["error"]) == (2, True)
    status, line = run(capsys, sound, "--out", sound)
    assert (status, "can't be written" in line["error"]) == (2, True)


def test_it_works_as_a_program_without_torch(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=1)
    code = (
        "import sys; from scoring.__main__ import main; status = main(sys.argv[1:]);"
        "sys.exit(status or any(name in sys.modules for name in ('torch', 'django', 'av')))"
    )
    words = [sys.executable, "-c", code, "extract", str(video), "--out", str(tmp_path / "out")]
    answer = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert json.loads(answer.stdout)["frames"] == 1
    broken = tmp_path / "b.mp4"
    broken.write_bytes(b"\x00" * 1000)
    words = [sys.executable, "-m", "scoring", "extract", str(broken), "--out", str(tmp_path / "out")]
    answer = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert answer.stdout == '{"error": "Not a video file that Framesift can read."}\n'
    assert "Traceback" not in answer.stderr
