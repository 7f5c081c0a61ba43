"""What the figures come to: medians, ratios and targets, for people and for programs."""

from __future__ import annotations

import math
import os
import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rows import HANG_BOUND, Figure, Medians, Row, Samples, Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Results"]

S = TypeVar("S")

_HEADER = ("", "stock", "(least … most)", "ours", "(least … most)", "ratio", "(of the rounds)")


@dataclass(slots=True)
class Results(Generic[S]):
    """All samples of a run.

    Parameters
    ----------
    setting : dataclass instance
        What was measured.
    rows : mapping of str to Row
        The works by name, in the order in which they are shown.
    judged : bool
        Whether there is anything to be reached in this setting.
    rounds : dict
        By the name of the side, the figure and the number of the round: the samples.
    failures : list of str
        What went wrong.
    """

    setting: S
    rows: Mapping[str, Row[S]]
    judged: bool = True
    rounds: dict[str, dict[Figure, dict[int, list[float]]]] = field(
        default_factory=lambda: {"stock": {}, "ours": {}}
    )
    failures: list[str] = field(default_factory=list)

    def add(self, side: str, number: int, samples: Samples) -> None:
        """Take the samples of one round over."""
        for figure, values in samples.items():
            self.rounds[side].setdefault(figure, {})[number] = values

    def _all(self, side: str, figure: Figure) -> list[float]:
        rounds = self.rounds[side].get(figure, {})
        return [value for values in rounds.values() for value in values]

    def _figures(self) -> list[Figure]:
        # By the order of the rows, and within a row by that of measuring.
        figures = dict.fromkeys([*self.rounds["ours"], *self.rounds["stock"]])
        return [figure for row in self.rows for figure in figures if figure.row == row]

    def targets(self) -> dict[str, list[Target]]:
        """Return what was to be reached, by row, for the rows that both sides have done."""
        if not self.judged:
            return {}
        medians = Medians(
            *(
                {figure: figure.of(self._all(side, figure)) for figure in self.rounds[side]}
                for side in ("stock", "ours")
            )
        )
        done = {
            row
            for row in self.rows
            if all(any(one.row == row for one in self.rounds[side]) for side in self.rounds)
        }
        return {
            name: list(row.targets(self.setting, medians))
            for name, row in self.rows.items()
            if name in done
        }

    # -- for programs ------------------------------------------------------------------------

    def as_json(self) -> dict[str, Any]:
        """Return everything, for ``json.dump``; what has not happened in time is ``null``."""
        return {
            "machine": {
                "python": platform.python_version(),
                "implementation": platform.python_implementation(),
                "system": platform.system(),
                "machine": platform.machine(),
                "cpus": os.cpu_count(),
                "distributed": version("distributed"),
                "speccluster_lab": version("speccluster-lab"),
            },
            "setting": {
                name: getattr(value, "__name__", value)
                for name, value in asdict(self.setting).items()  # type: ignore[call-overload]
            },
            "figures": [
                {
                    **asdict(figure),
                    "stock": self._side_as_json("stock", figure),
                    "ours": self._side_as_json("ours", figure),
                    "ratio": self._ratio(figure),
                    "ratios": self._ratios(figure),
                }
                for figure in self._figures()
            ],
            "targets": [
                {"row": row, **asdict(target), "value": _finite(target.value), "met": target.met}
                for row, targets in self.targets().items()
                for target in targets
            ],
            "failures": self.failures,
        }

    def _side_as_json(self, side: str, figure: Figure) -> dict[str, Any] | None:
        values = self._all(side, figure)
        if not values:
            return None
        return {
            "value": _finite(figure.of(values)),
            "least": _finite(min(values)),
            "most": _finite(max(values)),
            "rounds": {
                number: [_finite(one) for one in each]
                for number, each in self.rounds[side][figure].items()
            },
        }

    def _ratio(self, figure: Figure) -> float | None:
        ours, stock = self._all("ours", figure), self._all("stock", figure)
        if not ours or not stock or math.inf in ours or math.inf in stock:
            return None
        return figure.of(ours) / figure.of(stock)

    def _ratios(self, figure: Figure) -> list[float]:
        """Return the ratio of each round, whose two halves met the same machine."""
        ours, stock = (self.rounds[side].get(figure, {}) for side in ("ours", "stock"))
        return [
            figure.of(ours[number]) / figure.of(stock[number])
            for number in sorted(ours.keys() & stock.keys())
            if math.inf not in ours[number] and math.inf not in stock[number]
        ]

    # -- for people --------------------------------------------------------------------------

    def as_text(self) -> str:
        """Return the tables."""
        lines: list[str] = []
        for name, row in self.rows.items():
            figures = [figure for figure in self._figures() if figure.row == name]
            if not figures:
                continue
            clocks = {figure.clock for figure in figures}
            unit = "CPU seconds" if "cpu" in clocks else "seconds by the clock"
            lines += ["", f"{name}: {row.about} ({unit})"]
            lines += _aligned([_HEADER, *map(self._line, figures)])
        targets = [
            ("yes" if one.met else "NO", f"{row}: {one.text}", _with_unit(one.value, one.unit),
             f"at most {_with_unit(one.limit, one.unit)}")
            for row, those in self.targets().items()
            for one in those
        ]  # fmt: skip
        if targets:
            lines += ["", "reached?", *_aligned(targets)]
        if self.failures:
            lines += ["", "FAILED", *(f"  {one}" for one in self.failures)]
        return "\n".join(lines[1:])

    def _line(self, figure: Figure) -> tuple[str, ...]:
        ratio = self._ratio(figure)
        return (
            figure.title,
            *self._side(figure, "stock"),
            *self._side(figure, "ours"),
            "" if ratio is None else f"{ratio:.2f}",
            _spread([f"{one:.2f}" for one in sorted(self._ratios(figure))]),
        )

    def _side(self, figure: Figure, side: str) -> tuple[str, str]:
        values = sorted(self._all(side, figure))
        if not values:
            return "-", ""
        texts = [_with_unit(one, figure.unit) for one in values]
        return _with_unit(figure.of(values), figure.unit), _spread(texts)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _seconds(value: float) -> str:
    if math.isinf(value):
        return f"> {HANG_BOUND:g} s"
    return f"{value * 1000:.2f} ms" if value < 0.0995 else f"{value:.3f} s"


def _with_unit(value: float, unit: str) -> str:
    if unit == "s":
        return _seconds(value)
    return f"{value:.0f} MiB" if unit == "MiB" else f"{value:.3f} x"


def _spread(in_order: list[str]) -> str:
    return f"({in_order[0]} … {in_order[-1]})" if len(set(in_order)) > 1 else ""


def _aligned(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Lay rows out in columns: what starts with a figure to the right, but not the titles."""
    rows = list(rows)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  " + "  ".join(map(_padded, range(len(row)), row, widths)).rstrip() for row in rows]


def _padded(column: int, text: str, width: int) -> str:
    figure = text[:1].isdigit() or text[:1] in {">", "-"} or text in {"stock", "ours", "ratio"}
    return text.rjust(width) if column and figure else text.ljust(width)
