"""Whoever is killed, stopped or ended, and whenever: all comes right, and nothing stays.

Twelve trials in which any two of whom, what and when meet; all of them by ``make chaos``.
"""

import os
from itertools import combinations
from pathlib import Path

import pytest
from cells import ALL, Cell, pairwise
from running_servers import Server
from trial import Trial

CELLS = ALL if os.environ.get("CHAOS") == "all" else pairwise()


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_all_comes_to_be_as_it_should(
    cell: Cell, server: Server, folder: Path, marker: Path, took: dict[Cell, float]
) -> None:
    took[cell] = Trial(cell, server, folder, marker).run()


def test_any_two_meet_in_the_twelve() -> None:
    chosen = pairwise()
    assert len(set(chosen)) == 12
    for first, second in combinations(range(3), 2):
        everywhere = {(cell[first], cell[second]) for cell in ALL}
        assert {(cell[first], cell[second]) for cell in chosen} == everywhere
