"""Small random movements: within their ranges, alike for all pictures, with a margin that is cut off."""

import numpy as np
import torch
from torch import Tensor

from zfnet.transformation import Transformation

STILL = Transformation(jitter=0, scale=0, rotation=0, padding=0)


def ramps(height: int, width: int) -> Tensor:
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float32), torch.arange(width, dtype=torch.float32), indexing="ij"
    )
    return torch.stack([x, y, torch.full_like(x, 7)])


def test_movements_stay_within_their_ranges_and_treat_all_pictures_alike() -> None:
    size, edge, generator = 160, 5, torch.Generator().manual_seed(0)
    seen = []
    pictures = ramps(size + 2 * edge, size + 2 * edge).expand(2, 3, -1, -1)
    inner = slice(size // 2 - 20, size // 2 + 20)
    move = Transformation(jitter=8, scale=0.1, rotation=10, padding=edge)
    for _ in range(200):
        moved = move(pictures, generator)
        assert moved.shape == (2, 3, size, size)
        assert torch.equal(moved[0], moved[1])
        torch.testing.assert_close(moved[0, 2], torch.full((size, size), 7.0))  # mirrored: nothing dark comes in
        centre = moved[0, :2, inner, inner].mean((1, 2)) - (size - 1) / 2 - edge
        across = moved[0, :2, size // 2, size // 2 + 20] - moved[0, :2, size // 2, size // 2 - 20]
        down = moved[0, :2, size // 2 + 20, size // 2] - moved[0, :2, size // 2 - 20, size // 2]
        torch.testing.assert_close(down, torch.stack([-across[1], across[0]]), rtol=0, atol=0.05)  # square pixels
        seen.append([*centre.tolist(), 40 / across.norm().item(), torch.rad2deg(across[1].atan2(across[0])).item()])
    extent = np.abs(np.array(seen) - [0, 0, 1, 0]).max(0)
    limits = np.array([8, 8, 0.1, 10])
    assert (extent <= limits + 1e-3).all()
    assert (extent > 0.9 * limits).all()


def test_a_picture_that_is_not_square_keeps_square_pixels() -> None:
    move, generator = Transformation(jitter=0, scale=0, rotation=30, padding=3), torch.Generator().manual_seed(1)
    moved = move(ramps(46, 86)[None], generator)[0]
    assert moved.shape == (3, 40, 80)
    right, down = moved[:2, 20, 41] - moved[:2, 20, 39], moved[:2, 21, 40] - moved[:2, 19, 40]
    torch.testing.assert_close(torch.stack([-right[1], right[0]]), down, rtol=0, atol=1e-3)
    torch.testing.assert_close(right.norm(), torch.tensor(2.0), rtol=0, atol=1e-3)


def test_nothing_moves_where_nothing_is_to_move() -> None:
    generator, picture = torch.Generator().manual_seed(0), ramps(20, 30)[None]
    state = generator.get_state()
    assert torch.equal(STILL(picture, generator), picture)
    assert torch.equal(generator.get_state(), state)
    margin = Transformation(jitter=0, scale=0, rotation=0, padding=4)
    assert torch.equal(margin(picture, generator), picture[:, :, 4:16, 4:26])
    assert torch.equal(margin.cropped(picture), picture[:, :, 4:16, 4:26])
