"""The only module that knows matplotlib: a figure to draw on, the house's colours, and PNG bytes that are always the same."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("MPLBACKEND", "Agg")

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pleura.core.atomic import atomic_file

BLUE, ORANGE, GREEN, PURPLE, GREY, SKY, RED = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#6b6b6b", "#56B4E9", "#D55E00"
"""Okabe and Ito's colours: told apart by every common kind of colour vision."""

STYLE: dict[Any, Any] = {
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.labelsize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "pleura",
}


@contextmanager
def figure(path: Path, size_inches: tuple[float, float], *, dpi: int = 110) -> Iterator[Any]:
    """Yield a matplotlib `Figure` to draw on; written to `path` as PNG, whole, without a date in it."""
    with rc_context(STYLE):
        drawn = Figure(figsize=size_inches, dpi=dpi, layout="constrained")
        FigureCanvasAgg(drawn)
        yield drawn
        with atomic_file(path) as part:
            drawn.savefig(part, format="png", metadata={"Software": "pleura"})
