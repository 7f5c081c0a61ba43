"""Put our cluster class into the place of the stock one, in this interpreter."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import distributed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

# Asked for before anything is replaced.
STOCK = distributed.SpecCluster


def is_ours(cls: type) -> bool:
    """Tell whether a class has our reconciler, without importing it."""
    return any(base.__module__.startswith("speccluster_lab.") for base in cls.__mro__)


def stock_globals() -> Iterator[tuple[ModuleType, str, type]]:
    """Find every global of another module that is a cluster class without our reconciler."""
    for module in list(sys.modules.values()):
        # Our own modules mean the stock class when they name it.
        if module.__name__ == __name__ or module.__name__.startswith("speccluster_lab."):
            continue
        for name, value in list(vars(module).items()):
            if isinstance(value, type) and issubclass(value, STOCK) and not is_ours(value):
                yield module, name, value


def replace() -> list[str]:
    """Put ours in the place of every class found, and return the names that it has now."""
    from speccluster_lab import SpecCluster, reconciled

    found = list(stock_globals())
    # All of them before the first is replaced: the stock class is what reconciled() looks for.
    ours = {cls: SpecCluster if cls is STOCK else reconciled(cls) for _, _, cls in found}
    for module, name, cls in found:
        setattr(module, name, ours[cls])
    return sorted(f"{module.__name__}.{name}" for module, name, _ in found)
