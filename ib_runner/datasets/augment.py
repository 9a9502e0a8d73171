"""Random translation, rotation and shear of images (section 8.3), a batch at a time.

A point of the image goes, about the centre (13.5, 13.5), through a shear along x, x + tan(φ)·y,
then a rotation by θ, then a translation by whole pixels. Values between pixels are interpolated
bilinearly, pixels outside the image are 0. The paper gives the distributions of translation,
rotation and shear, but neither their order nor the interpolation.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional

from ib_runner.compiled import inner, njit

MOST_PIXELS = 2
MOST_DEGREES = 10.0


class Distortion(NamedTuple):
    """Distortions of n images: ``translation`` [n, 2] (x, y) in pixels, angles [n] in radians."""

    translation: Tensor
    rotation: Tensor
    shear: Tensor


def draw(n: int, generator: Generator) -> Distortion:
    """``n`` distortions as in section 8.3, uniform: translations in {−2, …, 2}, angles in ±10°."""
    device = generator.device
    shape, most = (n, 2), MOST_PIXELS
    translation = torch.randint(-most, most + 1, shape, generator=generator, device=device)
    angles = torch.rand(2, n, generator=generator, device=device, dtype=torch.float64)
    return Distortion(translation.double(), *((2 * angles - 1) * math.radians(MOST_DEGREES)))


def augment(images: Tensor, generator: Generator) -> Tensor:
    """``images`` [n, c, h, w], each randomly distorted; ``generator`` is a CPU generator."""
    source = source_of(draw(len(images), generator))
    if images.device.type == "cpu":
        return warp(images, source)
    return warp_by_grid(images, source.to(images.device))


def source_of(distortion: Distortion) -> Tensor:
    """The inverse of ``distortion``, affine maps [n, 2, 3] in pixels from the centre.

    Each takes (x, y, 1) of a pixel of the result to (x, y) of the point in the image that it shows.
    """
    sine, cosine = distortion.rotation.sin(), distortion.rotation.cos()
    tangent = distortion.shear.tan()
    # (rotation · shear)⁻¹ = shear⁻¹ · rotation⁻¹
    linear = torch.stack(
        [
            torch.stack([cosine + tangent * sine, sine - tangent * cosine], 1),
            torch.stack([-sine, cosine], 1),
        ],
        1,
    )
    offset = -linear @ distortion.translation.unsqueeze(2)
    return torch.cat([linear, offset], 2).float()


def warp(images: Tensor, source: Tensor) -> Tensor:
    """``images`` [n, c, h, w] seen through the affine maps ``source`` [n, 2, 3], bilinear, 0
    outside; on the CPU.
    """
    out = np.empty(images.shape, np.float32)
    _warp(images.contiguous().numpy(), source.numpy(), out)
    return torch.from_numpy(out)


def warp_by_grid(images: Tensor, source: Tensor) -> Tensor:
    """The same as :func:`warp` by PyTorch's operators, for any device."""
    h, w = images.shape[2:]
    half = images.new_tensor([w / 2, h / 2])
    # PyTorch's coordinates run from −1 to 1 across the image
    normal = torch.cat(
        [source[:, :, :2] * half / half[:, None], source[:, :, 2:] / half[:, None]], 2
    )
    grid = functional.affine_grid(normal, list(images.shape), align_corners=False)
    return functional.grid_sample(
        images, grid, mode="bilinear", padding_mode="zeros", align_corners=False
    )


@njit()
def _warp(images, source, out):
    n, channels, h, w = images.shape
    y_centre, x_centre = np.float32((h - 1) / 2), np.float32((w - 1) / 2)
    # points outside the image are moved onto a frame of zeros, so that the loop has no branches
    framed = np.zeros((h + 3, w + 3), np.float32)
    width = np.uint32(w + 3)
    flat = framed.reshape(framed.size)
    for i in range(n):
        (xx, xy, x0), (yx, yy, y0) = source[i, 0], source[i, 1]
        for channel in range(channels):
            framed[1 : h + 1, 1 : w + 1] = images[i, channel]
            for row in range(h):
                y = np.float32(row) - y_centre
                for column in range(w):
                    x = np.float32(column) - x_centre
                    x_from = _within(xx * x + xy * y + x0 + x_centre, np.float32(w))
                    y_from = _within(yx * x + yy * y + y0 + y_centre, np.float32(h))
                    left, top = np.floor(x_from), np.floor(y_from)
                    a, b = x_from - left, y_from - top
                    at = np.uint32(np.int32(top) + 1) * width + np.uint32(np.int32(left) + 1)
                    upper = flat[at] + a * (flat[at + 1] - flat[at])
                    at += width
                    lower = flat[at] + a * (flat[at + 1] - flat[at])
                    out[i, channel, row, column] = upper + b * (lower - upper)


@inner()
def _within(place, size):
    """``place`` clipped to [−1, ``size``], the frame of zeros on both sides."""
    return min(max(place, np.float32(-1.0)), size)
