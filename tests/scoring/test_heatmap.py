from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from scoring.heatmap import colour_table, heatmap, pixel_error

BLACK = np.zeros((6, 8, 3), np.uint8)


def test_it_is_brightest_where_the_error_is_largest() -> None:
    wrong = BLACK.copy()
    wrong[2, 3], wrong[4, 5] = (200, 0, 0), (60, 0, 0)
    brightness = heatmap(BLACK, wrong).astype(int).sum(2)
    assert np.unravel_index(brightness.argmax(), brightness.shape) == (2, 3)
    assert brightness[2, 3] > brightness[4, 5] > brightness[0, 0]


def test_it_compares_frames_when_the_scale_is_given() -> None:
    faint, strong = BLACK + np.uint8(30), BLACK + np.uint8(200)
    assert np.array_equal(heatmap(BLACK, faint), heatmap(BLACK, strong))
    apart = [heatmap(BLACK, shown, scale=1.7).astype(int).sum() for shown in (faint, strong)]
    assert apart[0] < apart[1]


def test_it_measures_the_distance_in_rgb() -> None:
    error = pixel_error(BLACK, BLACK + np.uint8(255))
    assert error.shape == (6, 8)
    assert np.allclose(error, np.sqrt(3.0))


def test_it_draws_a_perfect_reconstruction_all_dark() -> None:
    assert heatmap(BLACK, BLACK).max() < 10


def test_it_uses_colours_whose_brightness_only_rises() -> None:
    table = colour_table()
    assert table.shape == (256, 3) and table.dtype == np.uint8
    luminance = table @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(luminance) > -0.5).all() and luminance[-1] > 230 > 20 > luminance[0]


@pytest.mark.parametrize("other", [BLACK[:5], BLACK[:, :, :2], BLACK.astype(float), BLACK[None]])
def test_it_refuses_what_is_not_two_frames_of_one_size(other: np.ndarray) -> None:
    with pytest.raises(ValueError, match="Two uint8 frames"):
        heatmap(BLACK, other)


def test_it_and_the_other_pure_modules_need_no_torch() -> None:
    names = "heatmap, splits, threshold, metrics, config, frameset, reports, errors"
    code = f"import sys; from scoring import {names}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
