"""The figures of a page: what is to be drawn, in order, and the files that were drawn."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pleura.core.progress import Progress, silent
from pleura.page.html import Picture
from pleura.store.layout import FIGURES

OURS = re.compile(r"fig-(\d\.\d+[a-z]*|[A-Z]{1,2})-.+\.(png|gif)")
"""Names of our figures only; the user may keep other files beside them."""


@dataclass(frozen=True)
class Image:
    """One picture: end of its file name, the function that draws it, description, label below."""

    slug: str
    draw: Callable[[Path], None]
    alt: str
    label: str = ""


@dataclass(frozen=True)
class Drawing:
    """A figure to draw: its section on the page, one picture or several side by side, a caption,
    and the number of the figure in the student report that it corresponds to.
    """

    section: str
    images: tuple[Image, ...]
    caption: str
    anchor: str = ""
    number: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure that was drawn."""

    number: str
    section: str
    pictures: tuple[Picture, ...]
    caption: str
    anchor: str = ""


def single(
    section: str,
    slug: str,
    draw: Callable[[Path], None],
    alt: str,
    caption: str,
    number: str = "",
) -> Drawing:
    """A figure of one picture."""
    return Drawing(section, (Image(slug, draw, alt),), caption, number=number)


def draw_all(
    numbered: Sequence[tuple[str, Drawing]], folder: Path, progress: Progress = silent
) -> list[Figure]:
    """Draw the figures in order, each with its number, and remove those of an earlier page."""
    figures = []
    for done, (number, drawing) in enumerate(numbered):
        progress("figures", done, len(numbered))
        pictures = []
        for image in drawing.images:
            path = folder / FIGURES / f"fig-{number}-{image.slug}"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.draw(path)
            pictures.append(Picture(number, path, image.alt, image.label))
        figures.append(
            Figure(number, drawing.section, tuple(pictures), drawing.caption, drawing.anchor)
        )
    progress("figures", len(numbered), len(numbered))
    _remove_others(
        folder / FIGURES, {picture.path.name for figure in figures for picture in figure.pictures}
    )
    return figures


def _remove_others(folder: Path, names: set[str]) -> None:
    for path in folder.glob("fig-*"):
        if OURS.fullmatch(path.name) and path.name not in names:
            path.unlink()
