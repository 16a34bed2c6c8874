"""The page of a run: its figures, and the values of its template."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pleura import __version__
from pleura.core.errors import InputRefused
from pleura.core.text import counted, joined
from pleura.labels.registry import read_mask
from pleura.page.case_figures import (
    KEY,
    MOST_CASES,
    case_drawing,
    pictures_of,
    sides_drawing,
    slice_drawings,
)
from pleura.page.data_figures import data_drawings
from pleura.page.drawing import Drawing, single
from pleura.page.panels import beside, panel, save_film
from pleura.page.records import date_of
from pleura.page.report_numbers import FIGURES as REPORT_FIGURES
from pleura.page.report_numbers import NOTE, published_rows
from pleura.page.story import Story, mask_file, of_cases, title_of
from pleura.store.case import Case
from pleura.store.layout import COHORT, COHORT_STAGE, MASKS_STAGE, RAW
from pleura.store.pictures import View
from pleura.store.views import film_views, plane_views

FAR = "Where distances exceed 60 mm, as for a missed lung, the axis is logarithmic above 1 mm."
FILM_SLICES = 48
REPORTED = {
    "patients": "12",
    "lr": "0.1",
    "batch": "3",
    "epochs": "10",
    "size": "512²",
    "alpha": "0.5",
}
"""The student report's settings, as far as they are known."""


def run_drawings(story: Story) -> Iterator[Drawing]:
    """The figures of a run, by the section of the page that shows them."""
    yield from data_drawings(story)
    yield from _case_drawings(story)
    if story.architecture is not None:
        yield from _network_drawings(story)
    if story.primary is not None:
        yield from _slice_drawings(story)
        yield from _spread_drawings(story, story.primary)
        yield from _film_drawing(story, story.primary)


def _case_drawings(story: Story) -> Iterator[Drawing]:
    """Each case against its reference, worst first; without one, its mask, verdict and reason."""
    scored = [] if story.primary is None else story.scores[story.primary]["ranking"]["worst_first"]
    results = story.folder / "results" / str(story.primary) / "cases"
    pictures = pictures_of(results, [entry["case"] for entry in scored[:MOST_CASES]])
    number = 0
    for entry in scored:
        if entry["case"] in pictures:
            number += 1
            yield case_drawing(
                "1", number, entry["case"], pictures[entry["case"]], entry["because"]
            )
    without = [case["id"] for case in story.cohort["cases"] if case["id"] not in pictures]
    for case in without[: MOST_CASES - number]:
        views = _views(story, case)
        if views:
            number += 1
            yield sides_drawing("1", number, case, views, story.words_of(case))


def _views(story: Story, case: str) -> list[Any]:
    """Three planes of a case with the mask that was found; none where there is no mask to draw."""
    path = mask_file(story.folder / MASKS_STAGE / story.model, case)
    if path is None:
        return []
    try:
        volume = Case.open(story.folder / COHORT_STAGE / "cases" / case).volume()
        return plane_views(volume, read_mask(path, volume.grid))
    except (InputRefused, OSError, ValueError):
        return []


def _network_drawings(story: Story) -> Iterator[Drawing]:
    from pleura.page.curves import curves_png
    from pleura.page.network import network_png

    assert story.architecture is not None
    alt = "The U-Net as boxes, going down four levels and up again, with three skip connections"
    caption = (
        "The network, drawn from the model: channels (ch), side of the slice in pixels, "
        "parameters below each box."
    )
    draw = partial(network_png, story.architecture)
    yield single("2", "network.png", draw, alt, caption, number="2.1")
    if not story.histories:
        return
    notes = {"loss": " Values of different loss functions do not compare.", "accuracy": ""}
    numbers = {"loss": ("2.2", "2.4"), "accuracy": ("2.3", "2.5")}
    for metric, note in notes.items():
        number, watched = numbers[metric]
        if any(line.get("test") for history in story.histories.values() for line in history):
            note += f" The test curve is Fig. {watched} of the report."
        alt = (
            f"Mean {metric} per epoch on training and validation slices, one panel for each loss "
            "function"
        )
        caption = (
            f"{metric.capitalize()} per epoch. Training slices may be augmented, validation "
            f"slices never.{note}"
        )
        draw = partial(curves_png, story.histories, metric)
        yield single("2", f"{metric}.png", draw, alt, caption, number=number)


def _slice_drawings(story: Story) -> Iterator[Drawing]:
    from pleura.page.slices import slices_png

    for part, number in (("train", "2.6"), ("validation", ""), ("test", "2.7")):
        for loss, scores in story.slices.items():
            clean = of_cases(scores, story.split[part], "clean")
            raw = of_cases(scores, story.split[part], "raw") or clean
            before = "before cleaning" if loss == "classical" else "network alone"
            for metric, scored, kind, words in (
                ("dice", raw, "network", before),
                ("dice", clean, "cleaned", "cleaned"),
                ("accuracy", raw, "network", before),
            ):
                if not scored:
                    continue
                title = f"{part} cases, {title_of(loss)}, {words}"
                slug = f"{part}-{loss}-{metric}-{kind}.png"
                alt = (
                    f"{metric} of every slice of the {part} cases, classes separated by colour "
                    "and shape"
                )
                caption = (
                    f"{metric.capitalize()} of every slice: {title}. Cases are separated by lines."
                )
                draw = partial(slices_png, scored, metric, title)
                yield single("3", slug, draw, alt, caption, number=number)
    examples = [drawing for loss in story.scores for drawing in _examples(story, loss)]
    yield from sorted(examples, key=lambda drawing: int(drawing.number.split(".")[1]))


def _examples(story: Story, loss: str) -> Iterator[Drawing]:
    """Best, median and worst slices of a loss; of the test cases where there are any."""
    cases = [case["case"] for case in story.scores[loss]["cases"]]
    held_out = [case for case in cases if story.part_of(case) == "test"]
    whose = "test cases" if held_out else "scored cases"
    pictures = pictures_of(story.folder / "results" / loss / "cases", held_out or cases)
    for drawing in slice_drawings("4", pictures):
        images = tuple(_renamed(image, loss) for image in drawing.images)
        number = REPORT_FIGURES[images[0].slug.removeprefix(f"{loss}-").split("-")[0]]
        caption = f"{title_of(loss)}, {whose}, {drawing.caption}"
        yield Drawing("4", images, caption, number=number)


def _renamed(image: Any, loss: str) -> Any:
    from dataclasses import replace

    return replace(image, slug=f"{loss}-{image.slug}")


def _spread_drawings(story: Story, primary: str) -> Iterator[Drawing]:
    from pleura.page.score_distributions import distributions_png
    from pleura.page.slices import PANELS, positions_png, volume_rows, volumes_png

    cases = story.scores[primary]["cases"]
    clean = of_cases(story.slices[primary], [case["case"] for case in cases], "clean")
    alt = "Dice of each slice against its position in mm, one panel for each case, worst case first"
    caption = (
        f"Where in the chest it fails: Dice against position, {title_of(primary)}, cleaned mask; "
        f"worst case first by mean Dice of its slices, at most {PANELS} cases."
    )
    yield single("5", "positions.png", partial(positions_png, clean), alt, caption)
    rows = volume_rows(cases)
    if rows:
        caption = (
            "Volumes of each lung, mask against reference (Bland and Altman 1986); the largest "
            "difference is named."
        )
        yield single(
            "5",
            "volumes.png",
            partial(volumes_png, rows),
            "Bland–Altman plot of lung volumes",
            caption,
        )
    alt = (
        "Dice, mean surface distance and 95th percentile Hausdorff distance of each lung, a "
        "point for each case"
    )
    caption = (
        f"Spread of scores over cases, {title_of(primary)}, cleaned mask. Training cases are "
        f"hollow. {FAR}"
    )
    yield single("5", "distributions.png", partial(distributions_png, cases), alt, caption)


def _film_drawing(story: Story, primary: str) -> Iterator[Drawing]:
    drawable = story.drawable(primary)
    held_out = [case for case in drawable if story.part_of(case) == "test"]
    if not drawable:
        return
    case = (held_out or drawable)[0]
    part = f"part: {story.part_of(case)}"
    if held_out:
        part = "a test case, on which nothing was trained"
    path = mask_file(story.folder / "masks" / primary, case)
    if path is None:
        return
    caption = f"Through {case}, {part}: before cleaning on the left, cleaned on the right. {KEY}"
    alt = (
        f"A film through the slices of {case} with the outlines of reference and mask, before and "
        "after cleaning"
    )
    draw = partial(film_gif, Case.open(story.folder / COHORT_STAGE / "cases" / case), path)
    yield single("5", "film.gif", draw, alt, caption)


def film_gif(case: Case, mask: Path, path: Path) -> None:
    """Write a GIF through a case with the outlines of reference and mask: before cleaning and
    cleaned side by side, 512 pixels each; the cleaned mask alone where the other was not kept.
    """
    raw_file = mask.with_name(RAW)
    raw = read_mask(raw_file, case.grid).lungs if raw_file.is_file() else None
    cleaned = read_mask(mask, case.grid)
    views = film_views(case.volume(), cleaned, case.mask(), FILM_SLICES, raw=raw)
    save_film([_frame(case.id, view) for view in views], path)


def _frame(case: str, view: View) -> Any:
    words = f"{case}  {view.index + 1}/{view.count}"
    cleaned = panel(view, "outlines", words=f"{words}  cleaned")
    if view.raw is None:
        return cleaned
    return beside(
        [panel(view, "outlines", before_cleaning=True, words=f"{words}  before cleaning"), cleaned]
    )


def run_context(story: Story) -> dict[str, Any]:
    """The values of the template `report.html.j2`."""
    primary = story.primary
    cases = [
        dict(case)
        | {
            "part": story.part_of(case["id"]),
            "answer": story.answers.get(case["id"], {}).get("verdict", "–"),
            "volume": story.volume_of(case["id"]),
            "why": story.why(case["id"]),
        }
        for case in story.cohort["cases"]
    ]
    numbers = [len(story.split[part]) for part in ("train", "test")]
    trained = f"{numbers[0]} trained, {numbers[1]} tested." if primary else ""
    return {
        "version": __version__,
        "date": date_of(story.folder / COHORT_STAGE / COHORT),
        "key": KEY,
        "glance": list(_glance(story)),
        "summary": f"{counted(len(cases), 'case', 'cases')}. {trained}",
        "rows": [row for loss in story.scores for row in _score_rows(story, loss)],
        "missing": story.missing,
        "policy": story.scores[primary]["policy"]["both_empty"] if primary else "",
        "cases": cases,
        "refused": story.refused,
        "validation": story.split["validation_is"],
        "settings": _settings(story),
        "published": published_rows(story),
        "published_note": NOTE,
        "masks_by": title_of(story.model) if story.model else "nothing yet",
        "losses": [title_of(loss) for loss in story.cards],
    }


def _glance(story: Story) -> Iterator[tuple[str, str]]:
    """The first lines of the page: the worst case and why, what was refused, what needs a look."""
    if story.primary is not None:
        order = story.scores[story.primary]["ranking"]["worst_first"]
        if order:
            yield (
                "Worst case",
                f"{order[0]['case']}: {order[0]['because']} ({title_of(story.primary)})",
            )
    look = [
        case
        for case, answer in story.answers.items()
        if answer.get("verdict") in ("review", "refused")
    ]
    yield "To look at", ", ".join(look[:8]) or "no case has the verdict review or refused"
    sided = [case for case, answer in story.answers.items() if answer.get("volume_ml")]
    yield (
        "Right and left",
        f"separate volumes in {len(sided)} of "
        f"{counted(len(story.cohort['cases']), 'case', 'cases')}; look at the outlines",
    )
    yield "Not used", joined(story.refused[:3]) or "nothing: every series and mask was used"


def _score_rows(story: Story, loss: str) -> Iterator[list[str]]:
    """One row for each case: test cases first, and in each part the worst first."""
    scores = story.scores[loss]
    order = {entry["case"]: number for number, entry in enumerate(scores["ranking"]["worst_first"])}
    for case in sorted(
        scores["cases"],
        key=lambda c: (c["split"] != "test", c["split"] or "", order.get(c["case"], 0)),
    ):
        yield _score_row(case, title_of(loss))


def _score_row(case: Mapping[str, Any], title: str) -> list[str]:
    raw = case.get("raw") or {}
    right, left, both = (case.get(side) or {} for side in ("right", "left", "both"))
    raw_both = raw.get("both") or {}
    kinds, raw_kinds = case["slices"], raw.get("slices") or {}
    places = ("airway", "body", "couch", "outside_body")
    return [
        case["case"],
        case["split"] or "–",
        title,
        _cell(case["dice"], raw.get("dice"), ".4f"),
        _cell(right.get("dice"), None, ".4f"),
        _cell(left.get("dice"), None, ".4f"),
        _cell(case["accuracy"], raw.get("accuracy"), ".4f"),
        _cell(both.get("hd95_mm_voxel"), None, ".1f"),
        " / ".join(str(side.get("slices_missed", "–")) for side in (right, left)),
        _cell(kinds["hallucinated"], raw_kinds.get("hallucinated"), "d")
        + f" of {kinds['hallucinated'] + kinds['empty']}",
        *(
            _cell(both.get(f"hallucinated_{p}_ml"), raw_both.get(f"hallucinated_{p}_ml"), ".1f")
            for p in places
        ),
    ]


def _cell(value: Any, before: Any, form: str) -> str:
    """A number, and in brackets its value before cleaning."""
    text = "–" if value is None else format(value, form)
    if before is None:
        return text
    return f"{text} ({format(before, form)})"


def _settings(story: Story) -> list[list[str]]:
    cards: Sequence[Mapping[str, Any]] = list(story.cards.values())
    if not cards:
        return []
    patients = str(sum(len(story.split[part]) for part in ("train", "validation", "test")))
    rows = [["patients with masks", REPORTED["patients"], *[patients] * len(cards)]]
    names = {
        "lr": "learning rate",
        "batch": "batch size",
        "epochs": "epochs",
        "size": "slice size",
        "alpha": "α",
    }
    for name, words in names.items():
        ours = [
            f"{card['recipe'][name]}²" if name == "size" else f"{card['recipe'][name]:g}"
            for card in cards
        ]
        rows.append([words, REPORTED[name], *ours])
    return rows
