"""The picture of an epoch: held-out frames above what the model makes of them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from scoring.frames import Pixels

GAP = 2  # pixels between the pictures


def contact_sheet(inputs: Pixels, reconstructions: Pixels) -> bytes:
    """PNG with a column per frame of (N, H, W, 3): input above, reconstruction below."""
    count, height, width, _ = inputs.shape
    sheet = np.full((2 * height + GAP, count * (width + GAP) - GAP, 3), 128, dtype=np.uint8)
    for column in range(count):
        left = column * (width + GAP)
        sheet[:height, left : left + width] = inputs[column]
        sheet[height + GAP :, left : left + width] = reconstructions[column]
    return png(sheet)


def png(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
