"""`pleura report`: the figures of a run or of an evaluation, and one page that holds them all."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pleura.core.atomic import atomic_file, clear_dead_parts, is_internal
from pleura.core.errors import OutputConflict, UsageError
from pleura.core.progress import Progress, silent
from pleura.core.results import Result
from pleura.store.layout import FIGURES, PAGE
from pleura.store.remote import on_folders


@dataclass(frozen=True)
class ReportResult(Result):
    """The page and its figures."""

    page: Path
    figures: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Names of the page and of its figures."""
        return {"page": self.page.name, "figures": list(self.figures)}

    def notes(self) -> Sequence[str]:
        """Where the page is."""
        return [f"report: {len(self.figures)} figures in {self.page}"]


@on_folders
def report(run: Path, *, out: Path | None = None, progress: Progress = silent) -> ReportResult:
    """Draw the figures and the page of a run, or of an evaluation.

    Args:
        run: The folder that run wrote: cohort, runs, masks and results, as far as they are there;
            or the folder of scores that evaluate wrote, of any tool's masks.
        out: Folder for report.html and figures/, by default the run's own. It must not be inside
            the input of a run.

    Returns:
        The page and the names of its figures.

    Raises:
        UsageError: the folder has neither, a file in it is broken, or `out` has files that are not
            a page's.
        OutputFailed: the output cannot be written.
    """
    from pleura.page.drawing import draw_all
    from pleura.page.evaluation import Evaluation
    from pleura.page.html import page_html
    from pleura.page.numbering import by_report, by_section
    from pleura.page.run_page import run_context, run_drawings
    from pleura.page.story import Story

    if not run.is_dir():
        raise UsageError(
            "report: no such folder; give the folder that pleura run or evaluate wrote"
        )
    goal = out or run
    _check_goal(goal, run)
    for folder in (goal, goal / FIGURES):
        clear_dead_parts(folder)
    if Evaluation.is_in(run):
        evaluation = Evaluation(run)
        template, plan, context = (
            "scores.html.j2",
            by_section(list(evaluation.drawings())),
            evaluation.context(),
        )
    else:
        story = Story.open(run)
        template, plan, context = (
            "report.html.j2",
            by_report(list(run_drawings(story))),
            run_context(story),
        )
    figures = draw_all(plan, goal, progress)
    with atomic_file(goal / PAGE) as part:
        part.write_text(page_html(template, figures, context), encoding="utf-8", newline="\n")
    names = tuple(picture.path.name for figure in figures for picture in figure.pictures)
    return ReportResult(goal / PAGE, names)


def _check_goal(goal: Path, run: Path) -> None:
    """Refuse to write a page among files that are neither a page's nor the run's own.

    Raises:
        OutputConflict: so it is, or `goal` is inside the run.
    """
    if not goal.exists() or goal.resolve() == run.resolve():
        return
    is_inside = run.resolve() in goal.resolve().parents
    if not is_inside and goal.is_dir():
        others = [
            entry
            for entry in goal.iterdir()
            if not is_internal(entry.name) and entry.name not in (PAGE, FIGURES)
        ]
        if not others:
            return
    raise OutputConflict(
        "report: --out has files that are not a report's, or is inside the run; choose another "
        "folder"
    )
