"""Draw the generated sample pictures: ``python make_patterns.py`` writes them next to it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SIZE = 448  # side of each picture in pixels: twice the side of the network's input

Colour = tuple[int, int, int]


def gratings() -> Image.Image:
    """Return a 4 by 4 table of sine gratings: a wavelength per row, an angle per column."""
    tile = SIZE // 4
    axis = np.arange(tile) - (tile - 1) / 2
    across, down = np.meshgrid(axis, axis)
    ramp = np.clip(((tile - 1) / 2 - np.abs(axis)) / 10, 0, 1)
    window = np.outer(np.sin(ramp * np.pi / 2) ** 2, np.sin(ramp * np.pi / 2) ** 2)
    picture: NDArray[np.float64] = np.full((SIZE, SIZE), 0.5)
    for row, wavelength in enumerate((24.0, 14.0, 9.0, 6.0)):
        for column, degrees in enumerate((0, 45, 90, 135)):
            angle = np.deg2rad(degrees)
            phase = 2 * np.pi * (across * np.cos(angle) + down * np.sin(angle)) / wavelength
            top, left = row * tile, column * tile
            picture[top : top + tile, left : left + tile] += 0.45 * window * np.sin(phase)
    return Image.fromarray(np.round(picture * 255).astype(np.uint8)).convert("RGB")


def colours() -> Image.Image:
    """Return a 4 by 4 table of tiles, each with an edge between two opponent colours."""
    pairs: tuple[tuple[Colour, Colour], ...] = (
        ((214, 48, 49), (39, 154, 70)),  # red, green
        ((40, 84, 196), (244, 208, 63)),  # blue, yellow
        ((233, 120, 31), (29, 160, 190)),  # orange, cyan
        ((150, 60, 170), (140, 190, 60)),  # violet, lime
    )
    tile, gap, fine = SIZE // 4, 6, 4
    axis = np.arange((tile - 2 * gap) * fine) - ((tile - 2 * gap) * fine - 1) / 2
    across, down = np.meshgrid(axis, axis)
    picture = Image.new("RGB", (SIZE, SIZE), (128, 128, 128))
    for row, pair in enumerate(pairs):
        for column, degrees in enumerate((0, 45, 90, 135)):
            angle = np.deg2rad(degrees)
            side = (across * np.cos(angle) + down * np.sin(angle) > 0).astype(np.intp)
            patch = Image.fromarray(np.array(pair, dtype=np.uint8)[side]).reduce(fine)
            picture.paste(patch, (column * tile + gap, row * tile + gap))
    return picture


def shapes() -> Image.Image:
    """Return circles, triangles, squares and crosses on a plain background."""
    fine = 4
    picture = Image.new("RGB", (SIZE * fine, SIZE * fine), (238, 238, 232))
    draw = ImageDraw.Draw(picture)
    colour: tuple[Colour, ...] = ((200, 55, 50), (45, 95, 190), (35, 35, 40), (230, 170, 30))
    for row in range(4):
        for column in range(4):
            x, y = ((column + 0.5) * 112 * fine, (row + 0.5) * 112 * fine)
            r = (40, 34, 28, 22)[(row + column) % 4] * fine
            fill, third = colour[(row + 2 * column) % 4], r / 3
            match (row + column + 2 * (row % 2)) % 4:
                case 0:
                    draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)
                case 1:
                    draw.polygon([(x, y - r), (x + r, y + r), (x - r, y + r)], fill=fill)
                case 2:
                    draw.rectangle((x - r, y - r, x + r, y + r), fill=fill)
                case _:
                    draw.rectangle((x - third, y - r, x + third, y + r), fill=fill)
                    draw.rectangle((x - r, y - third, x + r, y + third), fill=fill)
    return picture.reduce(fine)


if __name__ == "__main__":
    folder = Path(__file__).parent
    for name, draw_picture in (("gratings", gratings), ("colours", colours), ("shapes", shapes)):
        draw_picture().save(folder / f"{name}.png", optimize=True)
