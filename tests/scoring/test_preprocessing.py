"""One way from a picture to the model's input: colours, turns, mirrors, bars; and the record of it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image

from scoring.decode import DecodedFrame, Decoding, sample_frames
from scoring.frames import Pixels
from scoring.limits import MediaError
from scoring.preprocessing import SIDES, Bars, Crop, Preprocessing
from scoring.sampling import Sampling
from scoring.sources import find_sources, read
from tests.scoring.test_bars import barred, scene
from tests.scoring.videos import Colours, grey_picture, make_video

ALL = Sampling("nth", 1)
SMALL = Preprocessing(18, 32)


def decoded(path: Path, made: Preprocessing = SMALL, crop: Crop | None = None) -> tuple[list[DecodedFrame], Decoding]:
    decoding = sample_frames(str(path), ALL, preprocessing=made, crop=crop)
    return list(decoding), decoding


def first(path: Path, made: Preprocessing = SMALL, crop: Crop | None = None) -> Pixels:
    frames, _ = decoded(path, made, crop)
    return np.frombuffer(frames[0].rgb, np.uint8).reshape(made.height, made.width, 3)


def thumbnail(frame: DecodedFrame) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(frame.thumbnail)))


def shrunk(picture: Pixels, made: Preprocessing = SMALL) -> Pixels:
    return np.asarray(Image.fromarray(picture).resize((made.width, made.height), Image.Resampling.BOX))


def apart(one: Pixels, other: Pixels) -> float:
    """The mean difference in levels."""
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


def off(found: Pixels) -> int:
    """The largest difference from the colours of blocks(), in the middle of each: 4:2:0 blurs their edges."""
    assert found.shape == (27, 48, 3)
    return int(np.abs(found[1::3, 1::3].astype(int) - BLOCKS).max())


BLOCKS = np.random.default_rng(0).integers(30, 226, (9, 16, 3), dtype=np.uint8)
THREE_PER_BLOCK = Preprocessing(27, 48)


def blocks(number: int, size: tuple[int, int]) -> Pixels:
    """Colours that hold still, in 16 x 9 blocks."""
    return np.asarray(Image.fromarray(BLOCKS).resize(size, Image.Resampling.NEAREST))


STORED = [
    Colours(Colorspace.ITU709),
    Colours(Colorspace.ITU601),
    Colours(Colorspace.BT2020),
    Colours(Colorspace.ITU709, ColorRange.JPEG),
    Colours(Colorspace.ITU601, ColorRange.JPEG),
]


@pytest.mark.parametrize("colours", STORED, ids=str)
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p"])
def test_it_gives_the_same_rgb_however_it_is_stored(tmp_path: Path, colours: Colours, pixel_format: str) -> None:
    size = (640, 360)
    path = make_video(
        tmp_path / "a.mp4",
        seconds=0.1,
        size=size,
        picture=blocks,
        pixel_format=pixel_format,
        colours=colours,
        options={"crf": "4"},
    )
    assert off(first(path, THREE_PER_BLOCK)) <= 5


@pytest.mark.parametrize(
    ("size", "matrix"),
    [((640, 360), Colorspace.ITU601), ((1280, 720), Colorspace.ITU709), ((720, 1280), Colorspace.ITU709)],
)
def test_it_takes_unlabelled_colours_as_players_do(tmp_path: Path, size: tuple[int, int], matrix: Colorspace) -> None:
    def off_by(name: str, colours: Colours) -> int:
        path = make_video(tmp_path / name, seconds=0.1, size=size, picture=blocks, colours=colours)
        return off(first(path, THREE_PER_BLOCK))

    right = Colours(matrix, tagged=False)
    wrong = replace(right, matrix=next(m for m in (Colorspace.ITU601, Colorspace.ITU709) if m != matrix))
    assert off_by("a.mp4", right) <= 6
    assert off_by("b.mp4", wrong) >= 15


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_it_turns_and_mirrors_as_players_do(tmp_path: Path, rotation: int, mirrored: bool) -> None:
    path = make_video(tmp_path / "a.mp4", seconds=0.1, size=(64, 48), rotation=rotation, mirrored=mirrored)
    stored = grey_picture(0, (64, 48))
    shown = np.rot90(stored[:, ::-1] if mirrored else stored, -rotation // 90)
    made = Preprocessing(shown.shape[0], shown.shape[1], "keep")
    frames, decoding = decoded(path, made)
    assert apart(first(path, made), shown) < 4
    assert apart(thumbnail(frames[0]), shown) < 4
    assert (decoding.info.height, decoding.info.width, decoding.info.rotation) == (*shown.shape[:2], rotation)


def make_barred(path: Path, cut: Crop, **how: Any) -> Path:
    """Colours kept at full size, so that what comes out can be compared with what went in."""
    fixed = {"size": (320, 180), "pixel_format": "yuv444p", "options": {"crf": "10"}}
    return make_video(path, picture=lambda number, size: barred(scene(1 + number // 5, size), cut), **{**fixed, **how})


@pytest.mark.parametrize("cut", [Crop(top=46, bottom=44), Crop(left=80, right=80), Crop(80, 44, 80, 44), Crop()])
def test_it_cuts_bars_from_the_input_and_not_from_the_thumbnail(tmp_path: Path, cut: Crop) -> None:
    size = (640, 360)
    path = make_barred(tmp_path / "a.mp4", cut, size=size)
    frames, decoding = decoded(path)
    assert decoding.info.bars == cut
    whole = barred(scene(1, size), cut)
    inside = whole[cut.top : 360 - cut.bottom, cut.left : 640 - cut.right]
    assert apart(first(path), shrunk(inside)) < 3
    assert apart(thumbnail(frames[0]), shrunk(whole, Preprocessing(180, 320))) < 5


def test_it_keeps_bars_where_that_is_wanted(tmp_path: Path) -> None:
    cut = Crop(left=80, right=80)
    path = make_barred(tmp_path / "a.mp4", cut, size=(640, 360))
    kept = first(path, replace(SMALL, bars="keep"))
    assert kept[:, :3].max() < 10
    assert (first(path, crop=Crop()) == kept).all()
    assert decoded(path, replace(SMALL, bars="keep"))[1].info.bars == Crop()


def test_it_cuts_what_a_person_set(tmp_path: Path) -> None:
    path = make_barred(tmp_path / "a.mp4", Crop(left=80), size=(640, 360), seconds=0.2)
    by_hand = Crop(100, 40, 20, 60)
    assert decoded(path, crop=by_hand)[1].info.bars == by_hand
    inside = barred(scene(1, (640, 360)), Crop(left=80))[40:300, 100:620]
    assert apart(first(path, crop=by_hand), shrunk(inside)) < 3
    with pytest.raises(MediaError, match=r"A tenth of the picture's width \(640 px\) must be left; 600 px"):
        decoded(path, crop=Crop(300, 0, 300, 0))


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_it_gives_bars_as_shown(tmp_path: Path, rotation: int, mirrored: bool) -> None:
    """One bar at the left of the stored picture, whose pixels are wide."""
    bar, wide = Crop(left=48), Fraction(4, 3)
    path = make_barred(
        tmp_path / "a.mp4", bar, size=(240, 180), rotation=rotation, mirrored=mirrored, pixel_aspect=wide
    )
    side = {0: "left", 90: "top", 180: "right", 270: "bottom"}[(rotation + 180 * mirrored) % 360]
    found = dict(zip(SIDES, decoded(path)[1].info.bars.as_tuple(), strict=True))
    assert 62 <= found.pop(side) <= 64
    assert not any(found.values())
    assert first(path).min() > 30
    assert (first(path, crop=Crop(**{side: 64})) == first(path)).all()


def test_it_looks_past_a_dark_beginning(tmp_path: Path) -> None:
    """The only key frame is black, the next pictures fade in."""

    def fading(number: int, size: tuple[int, int]) -> Pixels:
        return barred(scene(1, size, brightness=min(1.0, number / 40)), Crop(top=24, bottom=24))

    path = make_video(tmp_path / "a.mp4", size=(320, 180), seconds=6, gop=1000, picture=fading)
    assert decoded(path)[1].info.bars == Crop(top=24, bottom=24)


def test_it_takes_no_opening_title_for_the_picture(tmp_path: Path) -> None:
    """One key frame that shows a wide title on black; afterwards the picture fills the frame."""

    def opening(number: int, size: tuple[int, int]) -> Pixels:
        return barred(scene(1, size), Crop(top=60, bottom=60)) if number < 20 else scene(1, size)

    path = make_video(tmp_path / "a.mp4", size=(320, 180), seconds=6, gop=1000, picture=opening, options=NO_CUTS)
    assert decoded(path)[1].info.bars == Crop()


NO_CUTS = {"sc_threshold": "0"}


@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.avi", "a.webm"])
def test_it_finds_bars_in_any_container(tmp_path: Path, name: str) -> None:
    codec = {"a.webm": "libvpx", "a.avi": "mpeg4"}.get(name, "libx264")
    path = make_barred(tmp_path / name, Crop(left=40, right=40), codec=codec, pixel_format="yuv420p")
    cut = decoded(path)[1].info.bars
    assert abs(cut.left - 40) <= 2
    assert abs(cut.right - 40) <= 2
    assert (cut.top, cut.bottom) == (0, 0)


def test_it_gives_the_same_pixels_twice(tmp_path: Path) -> None:
    path = make_barred(tmp_path / "a.mp4", Crop(top=20))
    assert [frame.rgb for frame in decoded(path)[0]] == [frame.rgb for frame in decoded(path)[0]]


def test_its_record_goes_there_and_back() -> None:
    for made in (Preprocessing(), Preprocessing(120, 160, "keep")):
        assert Preprocessing.from_json(json.loads(json.dumps(made.as_json()))) == made
    assert str(Preprocessing()) == "60 x 80 pixels (height x width), with black bars cut away"


@pytest.mark.parametrize(
    "fields",
    [
        None,
        [],
        {},
        {"height": 60},
        {**Preprocessing().as_json(), "more": 1},
        {**Preprocessing().as_json(), "height": 0},
        {**Preprocessing().as_json(), "height": "60"},
        {**Preprocessing().as_json(), "bars": "maybe"},
        {**Preprocessing().as_json(), "kernel": "cubic"},
        {**Preprocessing().as_json(), "version": 2},
    ],
)
def test_it_refuses_other_records(fields: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        Preprocessing.from_json(fields)


@pytest.mark.parametrize(
    ("text", "crop"), [("none", Crop()), ("60,0,60,0", Crop(60, 0, 60, 0)), (" 1, 2,3 ,4", Crop(1, 2, 3, 4))]
)
def test_it_reads_a_crop(text: str, crop: Crop) -> None:
    assert Crop.parse(text) == crop
    assert Crop.parse(str(crop)) == crop


@pytest.mark.parametrize("text", ["", "auto", "1,2,3", "1,2,3,4,5", "-1,0,0,0", "1.5,0,0,0", "99999,0,0,0", "²,0,0,0"])
def test_it_refuses_what_is_no_crop(text: str) -> None:
    with pytest.raises(ValueError, match="four whole numbers"):
        Crop.parse(text)


@pytest.mark.parametrize("bars", ["crop", "keep"])
def test_it_gives_images_and_video_the_same_pixels(tmp_path: Path, bars: Bars) -> None:
    """To the rounding of two scalers: 640 x 360 to 32 x 18 is exact averaging for both."""
    made = replace(SMALL, bars=bars)

    def picture(number: int, size: tuple[int, int]) -> Pixels:
        return barred(scene(1, size), Crop(left=80, right=80))

    video = make_video(
        tmp_path / "a.mkv", seconds=0.1, size=(640, 360), picture=picture, codec="ffv1", pixel_format="bgr0"
    )
    images = tmp_path / "images"
    images.mkdir()
    Image.fromarray(picture(0, (640, 360))).save(images / "0.png")
    sources = [*find_sources(video), *find_sources(images)]
    from_video, from_image = (inputs for source in sources for inputs in read(source, made, ALL))
    assert from_video.preprocessing == from_image.preprocessing == made
    assert np.abs(from_video.pixels.astype(int) - from_image.pixels).max() <= 1
