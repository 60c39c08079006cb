"""Black bars: found where they are, and not where it's only dark."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scoring import bars
from scoring.frames import Pixels
from scoring.preprocessing import Crop

SIZE = (320, 180)


def scene(seed: int, size: tuple[int, int] = SIZE, *, brightness: float = 1.0) -> Pixels:
    """Blocks of colour, none of them dark at full brightness. uint8 (H, W, 3); size is (width, height)."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(60, 256, (9, 16, 3), dtype=np.uint8)
    picture = np.asarray(Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST))
    return (picture * brightness).astype(np.uint8)


def barred(picture: Pixels, cut: Crop, level: int = 0) -> Pixels:
    """The picture with bars over it."""
    covered = picture.copy()
    height, width = picture.shape[:2]
    covered[: cut.top] = level
    covered[height - cut.bottom :] = level
    covered[:, : cut.left] = level
    covered[:, width - cut.right :] = level
    return covered


def found(*pictures: Pixels) -> Crop:
    look = bars.together(bars.Look.at(Image.fromarray(picture)) for picture in pictures)
    assert look is not None
    return bars.find(look)


@pytest.mark.parametrize(
    "cut",
    [
        Crop(),
        Crop(top=22, bottom=22),
        Crop(left=40, right=40),
        Crop(left=109, right=109),
        Crop(40, 22, 40, 22),
        Crop(top=4),
        Crop(right=7),
    ],
)
def test_it_finds_bars_to_the_pixel(cut: Crop) -> None:
    assert found(barred(scene(1), cut)) == cut


@given(
    seed=st.integers(0, 2**16),
    left=st.integers(7, 100),
    right=st.integers(7, 100),
    level=st.integers(0, 20),
    noise=st.floats(0, 5),
)
@settings(max_examples=25, deadline=None)
def test_it_finds_noisy_bars(seed: int, left: int, right: int, level: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    picture = barred(scene(seed), Crop(left=left, right=right), level).astype(float)
    noisy = np.clip(picture + rng.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)
    cut = found(noisy)
    assert abs(cut.left - left) <= 1
    assert abs(cut.right - right) <= 1
    assert (cut.top, cut.bottom) == (0, 0)


def test_it_sees_through_dark_and_faded_pictures() -> None:
    cut = Crop(top=22, bottom=22)
    dark = [barred(scene(n, brightness=share), cut) for n, share in enumerate((0, 0.03, 0.06))]
    assert found(*dark) == Crop()
    assert found(*dark, barred(scene(5), cut)) == cut


def test_it_sees_through_scenes_that_are_dark_at_one_side() -> None:
    left = scene(1)
    left[:, :200] = 5
    right = scene(2)
    right[:, 120:] = 5
    assert found(left, right) == Crop()


def test_it_takes_no_dark_video_for_bars() -> None:
    rng = np.random.default_rng(0)
    assert found(np.zeros((180, 320, 3), np.uint8)) == Crop()
    assert found(rng.integers(0, 30, (180, 320, 3), dtype=np.uint8)) == Crop()


def test_it_takes_no_deep_colour_for_black() -> None:
    """Pure blue is as dark as a bar for who sees no colours."""
    picture = scene(1)
    picture[:40] = (0, 0, 255)
    assert found(picture) == Crop()


def test_it_takes_no_even_band_for_black() -> None:
    assert found(barred(scene(1), Crop(top=30, bottom=30), 50)) == Crop()


def test_it_takes_no_dark_texture_for_black() -> None:
    """A dark row of seats at the lower edge."""
    picture = scene(1)
    picture[150:] = np.repeat(np.arange(16) % 2 * 24, 20)[:, None]
    assert found(picture) == Crop()


def test_it_takes_no_vignette_for_bars() -> None:
    down = np.linspace(0, 3, 180)[:, None, None]
    assert found(np.clip(scene(3) * np.minimum(down, 1), 0, 255).astype(np.uint8)) == Crop()


def test_it_takes_no_title_on_black_for_a_picture() -> None:
    card = np.zeros((180, 320, 3), np.uint8)
    card[70:110, 100:220] = 240
    assert found(card) == Crop()


def test_it_keeps_a_bar_with_a_logo_in_it() -> None:
    cut = Crop(left=40, top=0, right=40, bottom=0)
    picture = barred(scene(1), cut)
    picture[150:170, 5:35] = 230
    assert found(picture) == Crop(right=40)


def test_it_keeps_blurred_sides() -> None:
    """Portrait video in a landscape frame, its own blur on both sides."""
    middle = scene(4, (101, 180))
    blurred = np.asarray(Image.fromarray(middle).resize((5, 4)).resize(SIZE, Image.Resampling.BICUBIC)) // 2
    picture = blurred.copy()
    picture[:, 110:211] = middle
    assert found(picture) == Crop()


@pytest.mark.parametrize("cut", [Crop(top=2), Crop(left=150, right=150), Crop(left=100, right=150), Crop(top=90)])
def test_it_leaves_out_slivers_and_leaves_a_picture(cut: Crop) -> None:
    assert found(barred(scene(1), cut)) == Crop()


def test_it_looks_at_pictures_of_one_size() -> None:
    cut = Crop(top=22, bottom=22)
    assert found(barred(scene(1), cut), scene(2, (160, 90))) == cut


def test_it_gives_nothing_for_no_pictures() -> None:
    assert bars.together([]) is None
