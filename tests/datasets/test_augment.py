"""Augmentation against exact cases and PyTorch's own sampling."""

import math

import torch

from ib_runner.datasets.augment import Distortion, augment, draw, source_of, warp, warp_by_grid


def one(x: float = 0.0, y: float = 0.0, degrees: float = 0.0, shear: float = 0.0) -> torch.Tensor:
    angles = (torch.tensor([math.radians(a)], dtype=torch.float64) for a in (degrees, shear))
    return source_of(Distortion(torch.tensor([[x, y]], dtype=torch.float64), *angles))


def images(n: int, size: int = 28) -> torch.Tensor:
    return torch.rand(n, 1, size, size, generator=torch.Generator().manual_seed(1))


def test_a_translation_moves_pixels_and_brings_in_zeros():
    image = images(1)
    moved = warp(image, one(x=2, y=-1))
    assert torch.equal(moved[..., :27, 2:], image[..., 1:, :26])
    assert (moved[..., :2] == 0).all()
    assert (moved[..., 27, :] == 0).all()


def test_a_quarter_turn_is_exact():
    """From x (to the right) to y (downwards)."""
    image = images(1)
    turned = warp(image, one(degrees=90))
    torch.testing.assert_close(turned, image.rot90(-1, (2, 3)), atol=1e-5, rtol=0)


def test_a_shear_of_45_degrees_moves_each_row_by_its_height():
    image = images(1, size=5)
    sheared = warp(image, one(shear=45))
    for row in range(5):
        expected = warp(image, one(x=row - 2))[..., row, :]
        torch.testing.assert_close(sheared[..., row, :], expected, atol=1e-5, rtol=0)


def test_shear_comes_first_then_rotation_then_translation():
    """The pixel at (3, 1): sheared to (4, 1), turned to (−1, 4), moved to (0, 2)."""
    image = torch.zeros(1, 1, 21, 21)
    image[0, 0, 10 + 1, 10 + 3] = 1
    moved = warp(image, one(x=1, y=-2, degrees=90, shear=45))
    assert moved[0, 0].argmax() == (10 + 2) * 21 + 10
    assert abs(moved.max() - 1) < 1e-5


def test_the_kernel_equals_pytorch():
    batch = images(64)
    source = source_of(draw(64, torch.Generator().manual_seed(0)))
    torch.testing.assert_close(warp(batch, source), warp_by_grid(batch, source), atol=2e-5, rtol=0)


def test_several_channels_and_other_shapes():
    batch = torch.rand(4, 3, 12, 20, generator=torch.Generator().manual_seed(1))
    source = source_of(draw(4, torch.Generator().manual_seed(0)))
    torch.testing.assert_close(warp(batch, source), warp_by_grid(batch, source), atol=2e-5, rtol=0)


def test_the_distributions():
    n = 20_000
    drawn = draw(n, torch.Generator().manual_seed(0))
    for axis in range(2):
        values, counts = drawn.translation[:, axis].unique(return_counts=True)
        assert values.tolist() == [-2, -1, 0, 1, 2]
        assert (counts / n - 0.2).abs().max() < 4 * (0.16 / n) ** 0.5
    limit = math.radians(10)
    for angle in (drawn.rotation, drawn.shear):
        assert -limit <= angle.min() < -0.99 * limit
        assert 0.99 * limit < angle.max() <= limit
        assert abs(angle.mean()) < 4 * limit / (3 * n) ** 0.5
        assert abs(angle.std() - limit / 3**0.5) < 0.02 * limit
    together = torch.stack([*drawn.translation.T, drawn.rotation, drawn.shear])
    assert (torch.corrcoef(together) - torch.eye(4)).abs().max() < 4 / n**0.5


def test_drawn_anew_each_time_and_a_function_of_the_generator():
    batch = images(8)
    generator = torch.Generator().manual_seed(5)
    first, second = augment(batch, generator), augment(batch, generator)
    assert torch.equal(first, augment(batch, torch.Generator().manual_seed(5)))
    assert not torch.equal(first, second)
    assert first.shape == batch.shape
    assert first.dtype == torch.float32
