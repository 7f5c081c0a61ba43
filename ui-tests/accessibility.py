"""What assistive technology and weak eyes need, checked in the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from playwright.sync_api import Locator

__all__ = ["small_targets", "violations", "weak_contrasts"]

_AXE: Final = Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"

_RUN: Final = """async node => {
  const { violations } = await axe.run(node, { resultTypes: ['violations'] });
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(one => `${id}: ${help}: ${one.html.slice(0, 200)}`)
  );
}"""

# Independent of axe: every text that is seen, against what is painted behind it.
_CONTRASTS: Final = """(root, least) => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = color => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], [x, y, z]) =>
    [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
  const behind = node => {
    const layers = [];
    for (let one = node; one; one = one.parentElement) {
      layers.push(rgba(getComputedStyle(one).backgroundColor));
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
  };
  const opacity = node => {
    let value = 1;
    for (let one = node; one; one = one.parentElement) {
      value *= Number(getComputedStyle(one).opacity);
    }
    return value;
  };
  const luminance = color => {
    const [r, g, b] = color.slice(0, 3).map(one => {
      const part = one / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const unseen = ':disabled, [aria-disabled=true], .jp-SpecCluster-hidden';
  const found = [];
  let count = 0;
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const node = walker.currentNode.parentElement;
    // What is disabled is not asked for by WCAG, and what is hidden is not seen.
    if (!text || !node.checkVisibility() || node.closest(unseen)) {
      continue;
    }
    count += 1;
    const back = behind(node);
    const [r, g, b, a] = rgba(getComputedStyle(node).color);
    const front = over([r, g, b, a * opacity(node)], back);
    const [light, dark] = [luminance(front), luminance(back)].sort((one, other) => other - one);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < least) {
      found.push(`${ratio.toFixed(2)}: ${text.slice(0, 60)}`);
    }
  }
  return [count, found];
}"""

_TARGETS: Final = """(root, least) =>
  [...root.querySelectorAll('button, input, select, summary, a[href], [role=tab], [role=treeitem]')]
    .filter(one => one.checkVisibility())
    // What is round it is clicked for it.
    .map(one => one.closest('label') ?? one)
    .map(one => [one.getBoundingClientRect(), one])
    .filter(([{ width, height }]) => width < least || height < least)
    .map(([{ width, height }, one]) => `${width}x${height}: ${one.outerHTML.slice(0, 120)}`)
"""


def violations(part: Locator) -> list[str]:
    """Return what axe finds to be wrong in a part of the page."""
    page = part.page
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_AXE.read_text(encoding="utf-8"))
    found: list[str] = part.evaluate(_RUN)
    return found


def weak_contrasts(part: Locator, least: float = 4.5) -> list[str]:
    """Return the texts whose contrast with what is behind them is less than ``least`` to 1."""
    count, found = part.evaluate(_CONTRASTS, least)
    assert count > 0, "there is a text to be seen"
    return list(found)


def small_targets(part: Locator, least: float = 24.0) -> list[str]:
    """Return what is to be clicked and is smaller than ``least`` pixels either way."""
    found: list[str] = part.evaluate(_TARGETS, least)
    return found
