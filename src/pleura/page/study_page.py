"""The page of a study: its design, the results of each patient, and the conclusions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pleura import __version__
from pleura.page.html import Picture, page_html
from pleura.page.study_figures import DifferenceRow, differences_png, levels_png
from pleura.store.layout import FIGURES


@dataclass(frozen=True)
class StudyTable:
    """A table of the page: caption, column headings and rows, all as text."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class LevelLines:
    """A figure of lines over the levels of a factor: `values` are patient to level to value."""

    slug: str
    factor: str
    values: Mapping[str, Mapping[float, float]]


@dataclass(frozen=True)
class StudyContent:
    """Everything that the page shows."""

    title: str
    question: str
    declared: Sequence[tuple[str, str]]
    conclusions: Mapping[str, Sequence[str]]
    differences: Sequence[DifferenceRow]
    patients: Sequence[str]
    endpoint: str
    lines: Sequence[LevelLines]
    tables: Sequence[StudyTable]
    problems: Sequence[str]


def study_page(content: StudyContent, out: Path) -> tuple[str, tuple[str, ...]]:
    """Draw the figures into `OUT/figures`; return the page as text and the figures' names."""
    folder = out / FIGURES
    folder.mkdir(parents=True, exist_ok=True)
    pictures: list[Picture] = []
    if content.differences:
        path = folder / "study-differences.png"
        label = f"{content.endpoint}: difference to the baseline"
        differences_png(content.differences, content.patients, label, path)
        alt = f"Each patient's difference in {content.endpoint} between an arm and the baseline"
        caption = (
            f"Each patient's difference in {content.endpoint}, arm less baseline. Bar: bootstrap "
            "interval (95 %) of the mean; stroke: mean."
        )
        pictures.append(Picture(str(len(pictures) + 1), path, alt, caption))
    for one in content.lines:
        path = folder / f"study-{one.slug}.png"
        levels_png(one.values, (one.factor, content.endpoint), path)
        caption = f"{content.endpoint} of each patient over {one.factor}."
        pictures.append(Picture(str(len(pictures) + 1), path, caption, caption))
    context = {"content": content, "version": __version__}
    text = page_html("study.html.j2", pictures, context)
    return text, tuple(f"{FIGURES}/{picture.path.name}" for picture in pictures)
