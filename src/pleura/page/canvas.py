"""The only module that imports matplotlib: a figure, its fonts, and reproducible PNG bytes."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("MPLBACKEND", "Agg")

from matplotlib import font_manager, rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pleura.core.atomic import atomic_file

LONGEST = 24
"""Most letters of a case's name in a figure."""

STYLE: dict[Any, Any] = {
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.labelsize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "svg.hashsalt": "pleura",
    "text.parse_math": False,
}


CJK_FONTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Source Han Sans",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Droid Sans Fallback",
    "Hiragino Sans",
    "PingFang SC",
    "Apple SD Gothic Neo",
    "Yu Gothic",
    "MS Gothic",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Arial Unicode MS",
)
"""Fonts with East Asian letters, as systems have them."""


@cache
def families() -> tuple[str, ...]:
    """Names of the fonts to draw with: matplotlib's own, then the installed `CJK_FONTS`."""
    installed = {entry.name for entry in font_manager.fontManager.ttflist}
    return ("DejaVu Sans", *(name for name in CJK_FONTS if name in installed))


@cache
def _letters() -> frozenset[int]:
    """Code points that the fonts can draw."""
    known: set[int] = set()
    for name in families():
        known |= set(font_manager.get_font(font_manager.findfont(name)).get_charmap())
    return frozenset(known)


def figure_names(names: Sequence[str]) -> dict[str, str]:
    """Names of cases in figures: shortened, or `no. 3` (its place) if no font has the letters."""
    labels = {}
    for number, name in enumerate(names, 1):
        if not all(ord(char) in _letters() for char in name) or not name.isprintable():
            labels[name] = f"no. {number}"
        else:
            labels[name] = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    texts = list(labels.values())
    return {
        name: label if texts.count(label) == 1 else f"no. {list(labels).index(name) + 1}"
        for name, label in labels.items()
    }


@contextmanager
def figure(path: Path, size_inches: tuple[float, float], *, dpi: int = 110) -> Iterator[Any]:
    """Yield a matplotlib `Figure` to draw on; written to `path` as PNG, atomically, undated."""
    with rc_context(STYLE | {"font.family": list(families())}):
        drawn = Figure(figsize=size_inches, dpi=dpi, layout="constrained")
        canvas = FigureCanvasAgg(drawn)
        yield drawn
        with atomic_file(path) as part:
            # `Figure.savefig` would lay out and draw twice, in twice the time
            canvas.print_png(part, metadata={"Software": "pleura"})
