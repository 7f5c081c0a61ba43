"""Text of anybody's, as it may be shown in a terminal or in a line of text."""

from __future__ import annotations

__all__ = ["many", "plain"]


def plain(text: str) -> str:
    """Return ``text`` without what a terminal could take for a command."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def many(number: int, one: str, several: str) -> str:
    """Return a number of things, in words."""
    return f"{number} {one if number == 1 else several}"
