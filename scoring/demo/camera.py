"""A pinhole camera over the pitch, and the fast warp from a match's panorama to one frame.

World: X along the touchline (0 at the centre spot), Y away from the main stand (0 at the near touchline), Z up; metres.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Packed = NDArray[np.uint32]

# Four samples per output pixel on a rotated grid: lines stay smooth while the camera pans.
SAMPLES = ((-0.125, -0.375), (0.375, -0.125), (0.125, 0.375), (-0.375, 0.125))


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

    def basis(self) -> NDArray[np.float64]:
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

    def intrinsics(self) -> NDArray[np.float64]:
        return np.array([[self.focal, 0, self.width / 2], [0, self.focal, self.height / 2], [0, 0, 1.0]])

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
        """The picture of `view`, which must share the panorama's position: (height, width, 4), last channel empty."""
        h = self.view.intrinsics() @ self.view.basis() @ view.basis().T @ np.linalg.inv(view.intrinsics())
        xs = np.arange(view.width, dtype=np.float32)[None, :] + 0.5
        ys = np.arange(view.height, dtype=np.float32)[:, None] + 0.5
        u, v, w = (np.float32(r[0]) * xs + (np.float32(r[1]) * ys + np.float32(r[2])) for r in h)
        w = 1.0 / w
        taken = [self._take(h, u, v, w, dx, dy) for dx, dy in SAMPLES]
        packed = _mean(_mean(taken[0], taken[1]), _mean(taken[2], taken[3]))
        return packed.view(np.uint8).reshape(view.height, view.width, 4)

    def _take(self, h: NDArray[np.float64], u: Floats, v: Floats, w: Floats, dx: float, dy: float) -> Packed:
        rows, columns = self.pixels.shape
        column = ((u + np.float32(h[0, 0] * dx + h[0, 1] * dy)) * w).astype(np.int32)
        row = ((v + np.float32(h[1, 0] * dx + h[1, 1] * dy)) * w).astype(np.int32)
        np.clip(column, 0, columns - 1, out=column)
        np.clip(row, 0, rows - 1, out=row)
        return self.pixels.ravel().take(row * columns + column)


def _mean(a: Packed, b: Packed) -> Packed:
    """The mean of four bytes at a time, without carrying from one into the next."""
    return (a & b) + (((a ^ b) & np.uint32(0xFEFEFEFE)) >> np.uint32(1))
