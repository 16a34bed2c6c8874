"""`pleura report`: the figures of a run, and one page that holds them all."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pleura import __version__
from pleura.core.atomic import atomic_file, is_internal
from pleura.core.errors import Exit, OutputConflict, UsageError
from pleura.core.progress import Progress, silent
from pleura.core.results import Table
from pleura.page.evaluation import Evaluation
from pleura.page.html import Picture, page_html
from pleura.page.story import TITLES, Story, of_cases

PAGE = "report.html"
FIGURES = "figures"
OURS = "fig-[1-9].[1-9]*-*.[pg][ni][gf]"
"""The names of figures here, and of nothing else that a user may keep beside them."""
FAR = "Where distances go beyond 60 mm, as of a missed lung, the axis is logarithmic above 1 mm."
REPORTED = {"patients": "12", "lr": "0.1", "batch": "3", "epochs": "10", "size": "512²", "alpha": "0.5"}
"""The student report's settings, as far as we hold them."""


@dataclass(frozen=True)
class ReportResult:
    """The page and its figures."""

    page: Path
    figures: tuple[str, ...]

    @property
    def exit_code(self) -> Exit:
        return Exit.OK

    def as_json(self) -> dict[str, Any]:
        """Names of the page and of its figures."""
        return {"page": self.page.name, "figures": list(self.figures)}

    def table(self) -> Table | None:
        return None

    def notes(self) -> Sequence[str]:
        """Where the page is."""
        return [f"report: {len(self.figures)} figures in {self.page}"]


def report(run: Path, *, out: Path | None = None, progress: Progress = silent) -> ReportResult:
    """Draw the figures and the page of a run, or of an evaluation.

    Args:
        run: The folder that run wrote: cohort, runs, masks and results, as far as they are there; or the folder of scores that
            evaluate wrote, of any tool's masks.
        out: Folder for report.html and figures/; the run's own where it is left out.

    Returns:
        The page and the names of its figures.

    Raises:
        UsageError: there is neither in the folder.
        OutputFailed: the output cannot be written.
    """
    if not run.is_dir():
        raise UsageError("report: no such folder: give the folder that pleura run or evaluate wrote")
    goal = out or run
    _check_goal(goal, run)
    plan, page = _evaluation(run) if Evaluation.is_in(run) else _run(run)
    pictures = []
    counts: Counter[str] = Counter()
    for done, (section, slug, draw, alt, caption) in enumerate(plan):
        progress("figures", done, len(plan))
        counts[section] += 1
        number = f"{section}.{counts[section]}"
        path = goal / FIGURES / f"fig-{number}-{slug}"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(path)
        pictures.append(Picture(number, path, alt, caption))
    progress("figures", len(plan), len(plan))
    with atomic_file(goal / PAGE) as part:
        part.write_text(page(pictures), encoding="utf-8", newline="\n")
    names = tuple(picture.path.name for picture in pictures)
    for path in (goal / FIGURES).glob(OURS):  # an earlier page's figure that this one has not would pass for its own
        if path.name not in names:
            path.unlink()
    return ReportResult(goal / PAGE, names)


def _check_goal(goal: Path, run: Path) -> None:
    """Refuse to write a report among files that are neither a report's nor the run's own."""
    if not goal.exists() or goal.resolve() == run.resolve():
        return
    inside = run.resolve() in goal.resolve().parents
    if inside or not goal.is_dir() or any(not is_internal(p.name) and p.name not in (PAGE, FIGURES) for p in goal.iterdir()):
        raise OutputConflict("report: --out has files that are not a report's, or is inside the run; choose another folder")


Drawing = tuple[str, str, Callable[[Path], None], str, str]
"""Section, file name without its number, what draws it, alternative text, caption."""


def _run(folder: Path) -> tuple[list[Drawing], Callable[[Sequence[Picture]], str]]:
    story = Story.open(folder)
    return list(_figures(story)), lambda pictures: page_html("report.html.j2", pictures, _told(story))


def _evaluation(folder: Path) -> tuple[list[Drawing], Callable[[Sequence[Picture]], str]]:
    scored = Evaluation(folder)
    return list(_evaluation_figures(scored)), lambda pictures: page_html("scores.html.j2", pictures, scored.told())


def _figures(story: Story) -> Iterator[Drawing]:
    yield from _plane_figures(story)
    if story.architecture is not None:
        yield from _network_figures(story)
    if story.primary is not None:
        yield from _slice_figures(story)
        yield from _example_figures(story, story.primary)


def _copy(source: Path, path: Path) -> None:
    with atomic_file(path) as part:
        part.write_bytes(source.read_bytes())


def _plane_figures(story: Story) -> Iterator[Drawing]:
    for case in story.cohort["cases"][:2]:
        source = story.folder / "cohort" / "cases" / case["id"] / "planes.png"

        caption = f"{case['id']} in three planes, in true proportion; R and L are the patient's sides."
        alt = f"Axial, coronal and sagittal slice of {case['id']}"
        yield "1", "planes.png", partial(_copy, source), alt, caption


def _network_figures(story: Story) -> Iterator[Drawing]:
    from pleura.page.curves import curves_png
    from pleura.page.network import network_png

    told = story.architecture
    assert told is not None
    yield (
        "2",
        "network.png",
        partial(network_png, told),
        "The U-Net as boxes, going down four levels and up again, with three skip connections",
        "The network, drawn from the model itself: channels (ch), side of the picture in pixels, parameters below each box.",
    )
    if not story.histories:
        return
    notes = {"loss": " Values of different loss functions do not compare.", "accuracy": ""}
    for metric, note in notes.items():
        yield (
            "2",
            f"{metric}.png",
            partial(curves_png, story.histories, metric),
            f"Mean {metric} per epoch on training and validation slices, one panel for each loss function",
            f"{metric.capitalize()} per epoch. Training slices may be augmented, validation slices never.{note}",
        )


def _slice_figures(story: Story) -> Iterator[Drawing]:
    from pleura.page.slices import PANELS, positions_png, slices_png

    for part in ("train", "test"):
        cases = story.split[part]
        for loss, scores in story.slices.items():
            chosen = of_cases(scores, cases, "raw") or of_cases(scores, cases, "clean")
            clean = of_cases(scores, cases, "clean")
            for metric, shown, kind in (
                ("dice", chosen, "network alone"),
                ("dice", clean, "cleaned"),
                ("accuracy", chosen, "network alone"),
            ):
                if not shown:
                    continue
                words = "before cleaning" if loss == "classical" and kind != "cleaned" else kind
                title = f"{part} cases, {TITLES[loss]}, {words}"
                yield (
                    "2",
                    f"{part}-{loss}-{metric}-{kind.split()[0]}.png",
                    partial(slices_png, shown, metric, title),
                    f"{metric} of every slice of the {part} cases, classes told apart by colour and shape",
                    f"{metric.capitalize()} of every slice: {title}. Cases are parted by lines.",
                )
    primary = str(story.primary)
    clean = of_cases(story.slices[primary], [c["case"] for c in story.scores[primary]["cases"]], "clean")
    yield (
        "3",
        "positions.png",
        partial(positions_png, clean),
        "Dice of each slice against its position in mm, one panel for each case, worst case first",
        f"Where in the chest it fails: Dice against position, {TITLES[primary]}, cleaned mask; worst case first by mean "
        f"Dice of its slices, at most {PANELS} cases.",
    )
    yield from _volumes(story.scores[primary]["cases"])


def _volumes(cases: Sequence[Mapping[str, Any]]) -> Iterator[Drawing]:
    from pleura.page.slices import volume_rows, volumes_png

    if rows := volume_rows(cases):
        alt = "Bland–Altman plot of lung volumes"
        caption = "Volumes of each lung, predicted against reference (Bland and Altman 1986); the largest difference is named."
        yield "3", "volumes.png", partial(volumes_png, rows), alt, caption


def _evaluation_figures(told: Evaluation) -> Iterator[Drawing]:
    from pleura.page.cases import distributions_png
    from pleura.page.slices import PANELS, positions_png

    if not told.cases:
        return
    alt = "Dice, mean surface distance and 95th percentile Hausdorff distance of the lungs, a point for each case"
    caption = f"How scores spread over cases; the worst of each lung is named. {FAR}"
    yield "3", "distributions.png", partial(distributions_png, told.cases), alt, caption
    yield from _volumes(told.cases)
    yield (
        "3",
        "positions.png",
        partial(positions_png, told.slices),
        "Dice of each slice against its position in mm, one panel for each case, worst case first",
        f"Where in the chest masks fail: Dice of both lungs against position; worst case first by mean Dice of its slices, "
        f"at most {PANELS} cases.",
    )


def _example_figures(story: Story, primary: str) -> Iterator[Drawing]:
    from pleura.page.cases import distributions_png
    from pleura.page.examples import chosen_slices, examples_png, film_gif
    from pleura.store.case import Case

    masks = story.folder / "masks" / primary
    drawable = story.drawable(primary)
    held = [case for case in drawable if story.part_of(case) == "test"]
    whose = "held-out" if held else "scored"
    held = held or drawable
    rows = chosen_slices(of_cases(story.slices[primary], held, "clean"))
    if rows:
        yield (
            "2",
            "examples.png",
            partial(examples_png, rows, story.folder / "cohort", masks),
            "Best, median and worst slice as CT, truth and prediction",
            f"Best, median and worst slice of the {whose} cases by Dice, {TITLES[primary]}, cleaned mask, with their scores.",
        )
    if held:
        case = Case.open(story.folder / "cohort" / "cases" / held[0])
        told = "which nothing was trained on" if whose == "held-out" else f"part: {story.part_of(case.id)}"
        yield (
            "3",
            "film.gif",
            partial(film_gif, case, masks),
            f"A film through the slices of {case.id} with the outlines of truth and prediction",
            f"Through {case.id}, {told}: truth orange, prediction blue, both white.",
        )
    yield (
        "3",
        "distributions.png",
        partial(distributions_png, story.scores[primary]["cases"]),
        "Dice, mean surface distance and 95th percentile Hausdorff distance of the right and left lung, a point for each case",
        f"How scores spread over cases, {TITLES[primary]}, cleaned mask. Training cases are hollow. {FAR}",
    )


def _told(story: Story) -> dict[str, Any]:
    primary = story.primary
    cases = [
        dict(case)
        | {
            "part": story.part_of(case["id"]),
            "answer": story.answers.get(case["id"], {}).get("verdict", "–"),
            "why": story.why(case["id"]),
        }
        for case in story.cohort["cases"]
    ]
    numbers = [len(story.split[part]) for part in ("train", "test")]
    trained = f"{numbers[0]} case(s) trained, {numbers[1]} tested." if primary else ""
    return {
        "version": __version__,
        "summary": f"{len(cases)} case(s). {trained}",
        "rows": [row for loss in story.scores for row in _score_rows(story, loss)],
        "missing": story.missing,
        "policy": story.scores[primary]["policy"]["both_empty"] if primary else "",
        "cases": cases,
        "refused": story.refused,
        "validation": story.split["validation_is"],
        "settings": _settings(story),
        "losses": [TITLES[loss] for loss in story.cards],
    }


def _score_rows(story: Story, loss: str) -> Iterator[list[str]]:
    """A row a case: test cases first, and in each part the worst first."""
    cases = story.scores[loss]["cases"]
    for case in sorted(cases, key=lambda c: (c["split"] != "test", c["split"] or "", c["dice"] is not None, c["dice"] or 0)):
        raw = case.get("raw") or {}
        right, left, both, both_raw = (
            (case.get("right") or {}),
            (case.get("left") or {}),
            case.get("both") or {},
            raw.get("both") or {},
        )
        kinds, kinds_raw = case["slices"], raw.get("slices") or {}
        yield [
            case["case"],
            case["split"] or "–",
            TITLES[loss],
            _cell(case["dice"], raw.get("dice"), ".4f"),
            _cell(right.get("dice"), None, ".4f"),
            _cell(left.get("dice"), None, ".4f"),
            _cell(case["accuracy"], raw.get("accuracy"), ".4f"),
            _cell(both.get("hd95_mm"), None, ".1f"),
            *(_cell(kinds[kind], kinds_raw.get(kind), "d") for kind in ("hallucinated", "missed")),
            *(
                _cell(both.get(m), both_raw.get(m), ".1f")
                for m in ("false_positive_outside_body_ml", "false_positive_couch_ml")
            ),
        ]


def _cell(value: Any, before: Any, form: str) -> str:
    """A number, and in brackets what it was before cleaning."""
    shown = "–" if value is None else format(value, form)
    return shown if before is None else f"{shown} ({format(before, form)})"


def _settings(story: Story) -> list[list[str]]:
    cards = list(story.cards.values())
    if not cards:
        return []
    patients = str(sum(len(story.split[part]) for part in ("train", "validation", "test")))
    rows = [["patients with masks", REPORTED["patients"], *[patients] * len(cards)]]
    for name, words in (("lr", "learning rate"), ("batch", "batch"), ("epochs", "epochs"), ("size", "picture"), ("alpha", "α")):
        ours = [f"{card['recipe'][name]}²" if name == "size" else f"{card['recipe'][name]:g}" for card in cards]
        rows.append([words, REPORTED[name], *ours])
    return rows
