"""The tests of this folder have places of their own."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def in_own_folders(own_folders: Path) -> None:
    """Let nothing of the machine be seen, and nothing be left."""
