"""Where a reconstruction misses its frame, as a picture. NumPy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scoring.frames import Pixels

# Least-squares polynomial of matplotlib's `inferno` (both CC0): even steps look even, and it reads in grey as well.
INFERNO = (
    (0.0002189403691192265, 0.001651004631001012, -0.01948089843709184),
    (0.1065134194856116, 0.5639564367884091, 3.932712388889277),
    (11.60249308247187, -3.972853965665698, -15.9423941062914),
    (-41.70399613139459, 17.43639888205313, 44.35414519872813),
    (77.162935699427, -33.40235894210092, -81.80730925738993),
    (-71.31942824499214, 32.62606426397723, 73.20951985803202),
    (25.13112622477341, -12.24266895238567, -23.07032500287172),
)
LARGEST = float(np.sqrt(3.0))  # distance of black from white


def heatmap(pixels: Pixels, reconstruction: Pixels, *, scale: float | None = None) -> Pixels:
    """Colours (H, W, 3), dark to bright, of the error of one uint8 frame (H, W, 3).

    The error of a pixel is the root of its squared error summed over channels in [0, 1]: 0 to 1.73. `scale` is the
    error drawn brightest, so that frames compare; by default it is the frame's own largest. Raises ValueError for
    another shape or type.
    """
    error = pixel_error(pixels, reconstruction)
    top = float(error.max()) if scale is None else scale
    if not 0.0 <= top <= LARGEST:
        raise ValueError(f"The scale must be from 0 to {LARGEST:.2f}, not {top}.")
    index = np.clip(np.rint(error * (255.0 / max(top, 1e-6))), 0, 255).astype(np.uint8)
    colours: Pixels = colour_table()[index]
    return colours


def pixel_error(pixels: Pixels, reconstruction: Pixels) -> NDArray[np.float64]:
    """Distance in RGB of each pixel of a uint8 frame (H, W, 3) from its reconstruction, (H, W), 0 to 1.73."""
    for frame in (pixels, reconstruction):
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or frame.shape != pixels.shape:
            raise ValueError(f"Two uint8 frames (H, W, 3) of one size are needed, not {frame.dtype} {frame.shape}.")
    difference = (pixels.astype(np.float64) - reconstruction) / 255.0
    error: NDArray[np.float64] = np.sqrt((difference**2).sum(2))
    return error


def colour_table() -> Pixels:
    """The 256 colours, (256, 3) uint8, by rising brightness."""
    powers = np.linspace(0.0, 1.0, 256)[:, None] ** np.arange(len(INFERNO))
    table: Pixels = np.rint(np.clip(powers @ np.array(INFERNO), 0.0, 1.0) * 255).astype(np.uint8)
    return table
