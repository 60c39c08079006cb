"""Where shots begin, and which frames nearly repeat the one before: from the model's inputs, in order. NumPy only.

Two frames are as far apart as their colours are, in each part of the picture and in all of it, and as their blurred
pixels are: colours forgive motion, which is large when frames are seconds apart. A shot begins where that is very far,
or much farther than it usually is around there (cf. the adaptive detector of PySceneDetect).

Measured on the demo's generated videos, whose cuts are known: no frame was wrongly taken for the start of a shot, and
of the cuts .96 were found with frames .125 s apart, .93 at .5 s, .85 at 1 s and .74 at 2 s, where shots last 2 to 9
s. On 20 real clips, whose cuts were found at 20 frames a second and looked at: 1.00 found up to .25 s, .96 at .5 and
1 s, .92 at 2 s, and .73 to .89 of the starts right; what else was taken for one were fades, whip pans, and graphics
or people that cover the picture. No near copy lay beyond a cut.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scoring.frames import Pixels

Floats = NDArray[np.float32]
Values = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.int64]

BINS = 8  # of each of luma and two colour differences
PARTS, PART_PIXELS = (3, 4), 16  # parts of the picture in rows and columns, none smaller than this each way
SAMPLED = (60, 80)  # larger pictures are thinned to about this
BLURRED = (5, 5)
FAR_PIXELS = 100.0  # mean of the summed absolute differences of YUV that counts as farthest
AROUND = 4  # frames on either side
SURE, LEAST = 0.35, 0.2
TIMES_USUAL, ABOVE_USUAL = 1.75, 0.1
CELLS = (15, 20)  # near copies agree in cells of about 4 x 4 pixels
COPY_MEAN, COPY_MOST = 3.0, 24.0  # of 255
YUV = np.array([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]], np.float32)  # ITU-R BT.601


class ShotFinder:
    """Takes the frames of one video in order, some at a time, and keeps a number of each."""

    def __init__(self) -> None:
        self._last: tuple[Floats, Floats, Floats] | None = None
        self._distances: list[float] = []

    def add(self, pixels: Pixels) -> None:
        """Frames that follow those before, uint8 (N, H, W, 3) RGB."""
        if not len(pixels):
            return
        seen = _looks(pixels)
        before = self._last or (seen[0][:1], seen[1][:1], seen[2][:1])
        parts, whole, blurred = (np.concatenate(pair) for pair in zip(before, seen, strict=True))
        far = np.minimum(np.abs(np.diff(blurred, axis=0)).sum(-1).mean((1, 2)) / FAR_PIXELS, 1.0)
        self._distances += ((_unlike(parts) + _unlike(whole) + far) / 3).tolist()
        self._last = (seen[0][-1:], seen[1][-1:], seen[2][-1:])

    def starts(self) -> Flags:
        """Whether each frame so far, (N,), is the first of a shot; frame 0 is one."""
        return starts(np.array(self._distances))


def starts(distances: Values) -> Flags:
    """The first frames of shots from the distance (0 to 1) of each frame, (N,), to the one before."""
    usual = np.array([_usual(distances, place) for place in range(len(distances))])
    found: Flags = (distances > SURE) | ((distances > LEAST) & (distances > TIMES_USUAL * usual + ABOVE_USUAL))
    found[:1] = True
    return found


def _usual(distances: Values, place: int) -> float:
    """Median of the distances around; that of frame 0, to nothing, is none."""
    around = np.r_[distances[max(1, place - AROUND) : place], distances[place + 1 : place + 1 + AROUND]]
    return float(np.median(around)) if len(around) else 0.0


def near_copies(pixels: Pixels) -> tuple[Indices, Indices]:
    """Runs of frames that nearly repeat their first one, of frames uint8 (N, H, W, 3) in order: for each frame the
    place of the one that it repeats, or -1, (N,); and how many frames right after it repeat it, (N,)."""
    cells = _blurred(pixels.astype(np.float32), CELLS)
    copy_of, copies = np.full(len(cells), -1), np.zeros(len(cells), np.int64)
    head = 0
    for place in range(1, len(cells)):
        apart = np.abs(cells[place] - cells[head]).mean(-1)
        if apart.mean() <= COPY_MEAN and apart.max() <= COPY_MOST:
            copy_of[place] = head
            copies[head] += 1
        else:
            head = place
    return copy_of, copies


def _looks(pixels: Pixels) -> tuple[Floats, Floats, Floats]:
    """Of each frame: shares of colours in each part of it (N, parts x bins) and in all (N, bins), blurred YUV."""
    thinned = pixels[:, :: max(1, pixels.shape[1] // SAMPLED[0]), :: max(1, pixels.shape[2] // SAMPLED[1])]
    yuv = thinned.astype(np.float32) @ YUV.T
    parts = _colours(yuv)
    return parts.reshape(len(parts), -1), parts.sum(1), _blurred(yuv, BLURRED)


def _colours(yuv: Floats) -> Floats:
    """Shares (N, parts, BINS ** 3) of the frame's pixels."""
    count, height, width, _ = yuv.shape
    rows, columns = (min(most, max(1, size // PART_PIXELS)) for most, size in zip(PARTS, (height, width), strict=True))
    bins = np.clip((yuv + np.array([0, 128, 128], np.float32)) * (BINS / 256), 0, BINS - 1).astype(np.int64)
    colour = (bins[..., 0] * BINS + bins[..., 1]) * BINS + bins[..., 2]
    part = np.arange(height)[:, None] * rows // height * columns + np.arange(width) * columns // width
    place = (np.arange(count)[:, None, None] * (rows * columns) + part) * BINS**3 + colour
    counted = np.bincount(place.ravel(), minlength=count * rows * columns * BINS**3).astype(np.float32)
    shares: Floats = counted.reshape(count, rows * columns, BINS**3) / np.float32(height * width)
    return shares


def _unlike(shares: Floats) -> Values:
    """The share of pixels whose colour is not found in the frame before, (N - 1,) of (N, bins)."""
    unlike: Values = 0.5 * np.abs(np.diff(shares, axis=0)).sum(1, dtype=np.float64)
    return unlike


def _blurred(values: Floats, cells: tuple[int, int]) -> Floats:
    """Means (N, rows, columns, C) of (N, H, W, C) over a grid of cells, fewer where there are fewer pixels."""
    for axis, wanted in ((1, cells[0]), (2, cells[1])):
        size = values.shape[axis]
        edges = np.arange(min(wanted, size)) * size // min(wanted, size)
        lengths = np.diff(np.append(edges, size)).astype(np.float32)
        shape = [1] * values.ndim
        shape[axis] = len(lengths)
        values = (np.add.reduceat(values, edges, axis=axis) / lengths.reshape(shape)).astype(np.float32)
    return values
