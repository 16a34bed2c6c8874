"""Tests of pages look at rendered figures."""

from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg


@pytest.fixture(scope="module", autouse=True)
def rendered(figures_rendered):
    """All figures of this folder."""


@pytest.fixture
def drawn(monkeypatch):
    """The matplotlib figures that are drawn, with empty files."""
    figures = []
    render = FigureCanvasAgg.print_png

    def keep(canvas, file, **options):
        if not isinstance(file, Path):  # matplotlib's own, to measure
            return render(canvas, file, **options)
        figures.append(canvas.figure)
        return file.write_bytes(b"")

    monkeypatch.setattr(FigureCanvasAgg, "print_png", keep)
    return figures
