"""The pictures of the README: taken anew with ``UPDATE_SCREENSHOTS=1`` into ``docs/images``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import Image

if TYPE_CHECKING:
    from labpage import LabPage

__all__ = ["HEIGHT", "SCALE", "WIDTH", "take_pictures"]

WIDTH: Final = 1200
HEIGHT: Final = 700
SCALE: Final = 2

_IMAGES: Final = Path(__file__).parents[1] / "docs" / "images"


def take_pictures(lab: LabPage, results: Path, name: str) -> None:
    """Take JupyterLab as it is seen now, in its dark and in its light theme.

    Parameters
    ----------
    lab : LabPage
        A page of ``WIDTH`` by ``HEIGHT``, at ``SCALE`` device pixels a pixel.
    results : Path
        Where the pictures go when they are not to replace those of the README.
    name : str
        What they show.
    """
    folder = _IMAGES if os.environ.get("UPDATE_SCREENSHOTS") == "1" else results
    folder.mkdir(exist_ok=True)
    # What the pointer is on would look different.
    lab.page.mouse.move(WIDTH / 2, HEIGHT - 2)
    lab.set_theme("JupyterLab Dark")
    dark = _take(lab, folder / f"{name}-dark.png")
    lab.set_theme("JupyterLab Light")
    light = _take(lab, folder / f"{name}.png")
    assert _brightness(dark) < 0.3
    # A dialog dims what is behind it.
    assert _brightness(light) > 0.45


def _take(lab: LabPage, path: Path) -> Image.Image:
    lab.page.screenshot(path=path, animations="disabled", caret="hide")
    with Image.open(path) as picture:
        assert picture.size == (SCALE * WIDTH, SCALE * HEIGHT)
        assert len(picture.getcolors(maxcolors=2**24) or []) > 100, "there is something to be seen"
        return picture.convert("L")


def _brightness(picture: Image.Image) -> float:
    """Return the mean brightness, from 0 to 1."""
    counts = picture.histogram()
    return sum(level * count for level, count in enumerate(counts)) / sum(counts) / 255
