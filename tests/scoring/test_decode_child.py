"""What the decoder process says while it works: a sign of life at any time changes nothing of what it finds."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from scoring import decode_child
from scoring.decode import Decoding
from scoring.limits import MediaLimits
from scoring.preprocessing import Crop, Preprocessing
from scoring.sampling import Sampling
from scoring.wire import Message, read_message
from tests.scoring.test_bars import SIZE, barred, scene
from tests.scoring.videos import make_video


def said(path: Path) -> list[Message]:
    """The messages about one video, a sign of life before each packet among them."""
    out = io.BytesIO()
    task = decode_child.Task(str(path), Sampling("seconds", 1.0), Preprocessing(), None, MediaLimits(), None)
    decode_child._answer(out, task, str(path))
    end = out.tell()
    out.seek(0)
    found = []
    while out.tell() < end:
        found.append(read_message(out.read))
    return found


@pytest.fixture(autouse=True)
def talkative(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_child, "SIGN_OF_LIFE_S", 0.0)


def test_it_keeps_to_its_plan_while_it_gives_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Decoding, "_whole", lambda decoding: pytest.fail("Everything was decoded."))
    kinds = [message.kind for message in said(make_video(tmp_path / "a.mp4", seconds=4))]
    assert kinds.count("frame") == 4 and kinds[-1] == "summary"
    assert "progress" in kinds[: kinds.index("info")]


def test_it_finds_the_bars_while_it_gives_signs_of_life(tmp_path: Path) -> None:
    bars = Crop(top=22, bottom=22)
    path = make_video(
        tmp_path / "a.mp4", seconds=4, size=SIZE, picture=lambda number, size: barred(scene(number // 10), bars)
    )
    info = next(message for message in said(path) if message.kind == "info")
    assert info.body["bars"] == bars.as_json()
