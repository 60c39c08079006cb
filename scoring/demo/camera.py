"""A pinhole camera over the pitch, and the fast warp from a match's panorama to one frame.

World: X along the touchline (0 at the centre spot), Y away from the main stand (0 at the near touchline), Z up; metres.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Pixels = NDArray[np.uint8]
Packed = NDArray[np.uint32]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """Position in metres, yaw and tilt in radians (tilt below 0 looks down), focal length and size in pixels."""

    x: float
    y: float
    z: float
    yaw: float
    tilt: float
    focal: float
    width: int = 640
    height: int = 360

    def basis(self) -> Matrix:
        """(3, 3): the rows are the camera's right, down and forward in the world."""
        sy, cy, st, ct = np.sin(self.yaw), np.cos(self.yaw), np.sin(self.tilt), np.cos(self.tilt)
        return np.array([[cy, -sy, 0.0], [sy * st, cy * st, -ct], [sy * ct, cy * ct, st]])

    def project(self, points: NDArray[np.floating]) -> Floats:
        """World points (..., 3) -> (..., 3): column, row in pixels and depth in metres along the view."""
        local = (points - np.array([self.x, self.y, self.z])) @ self.basis().T
        depth = local[..., 2]
        safe = np.where(np.abs(depth) < 1e-3, 1e-3, depth)
        u = local[..., 0] / safe * self.focal + self.width / 2
        v = local[..., 1] / safe * self.focal + self.height / 2
        return np.stack([u, v, depth], axis=-1).astype(np.float32)

    def intrinsics(self) -> Matrix:
        return np.array([[self.focal, 0, self.width / 2], [0, self.focal, self.height / 2], [0, 0, 1.0]])

    def reduced(self, factor: float) -> "View":
        """The same view with fewer pixels."""
        width, height = round(self.width / factor), round(self.height / factor)
        return replace(self, focal=self.focal * width / self.width, width=width, height=height)

    def aimed(self, yaw: float, tilt: float, focal: float) -> "View":
        return replace(self, yaw=yaw, tilt=tilt, focal=focal, width=640, height=360)


def look_at(view: View, point: tuple[float, float, float]) -> tuple[float, float]:
    """Yaw and tilt that bring `point` to the middle of the picture."""
    dx, dy, dz = point[0] - view.x, point[1] - view.y, point[2] - view.z
    return float(np.arctan2(dx, dy)), float(np.arctan2(dz, np.hypot(dx, dy)))


@dataclass(frozen=True)
class Panorama:
    """Everything that stands still, seen once from the camera's place: (height, width) pixels packed into uint32."""

    view: View
    pixels: Packed

    @classmethod
    def of(cls, view: View, rgb: Pixels) -> "Panorama":
        packed = np.zeros((*rgb.shape[:2], 4), np.uint8)
        packed[..., :3] = rgb
        return cls(view, packed.view(np.uint32)[..., 0])

    def seen_by(self, view: View) -> Pixels:
        """The picture of `view`, which must share the panorama's position: (height, width, 4), last channel empty.

        One sample per pixel: the panorama was softened when it was made, so lines stay smooth while the camera pans.
        """
        h = self.view.intrinsics() @ self.view.basis() @ view.basis().T @ np.linalg.inv(view.intrinsics())
        xs = np.arange(view.width, dtype=np.float32)[None, :] + 0.5
        ys = np.arange(view.height, dtype=np.float32)[:, None] + 0.5
        u, v, w = (np.float32(r[0]) * xs + (np.float32(r[1]) * ys + np.float32(r[2])) for r in h)
        np.reciprocal(w, out=w)
        rows, columns = self.pixels.shape
        column = np.multiply(u, w, out=u).astype(np.int32)
        row = np.multiply(v, w, out=v).astype(np.int32)
        np.clip(column, 0, columns - 1, out=column)
        np.clip(row, 0, rows - 1, out=row)
        row *= columns
        row += column
        return self.pixels.ravel().take(row, mode="clip").view(np.uint8).reshape(view.height, view.width, 4)
