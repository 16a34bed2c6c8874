"""Figures of single cases: three planes with outlines and errors, and the best and worst slices."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from pleura.page.drawing import Drawing, Image
from pleura.page.gallery import Chosen, choose
from pleura.page.panels import Kind, panel, save_panel
from pleura.store.pictures import Pictures, View

KEY = (
    "Outlines: reference green, solid; mask purple, dashed. Errors: voxels of the reference only "
    "(missed) green, hatched ///; voxels of the mask only purple, hatched \\\\\\; voxels on the "
    "wrong side vermilion, crossed. R, L, A and P are the patient's directions; the window is "
    "−1350 to 150 HU."
)
SIDES_KEY = (
    "Outlines of the mask: right lung orange, left lung blue. R, L, A and P are the patient's "
    "directions."
)
MOST_CASES = 24
"""Cases with pictures on one page, the worst first."""


def pictures_of(folder: Path, cases: Sequence[str]) -> dict[str, Pictures]:
    """The views of each case that `evaluate` kept; cases without any are left out."""
    read = {case: Pictures.read(folder / f"{case}.npz") for case in cases}
    return {case: held for case, held in read.items() if held.views}


def case_drawing(section: str, number: int, case: str, pictures: Pictures, because: str) -> Drawing:
    """Three planes through a case's largest error, each with outlines and with errors."""
    kinds: tuple[Kind, ...] = ("outlines", "errors")
    views = [view for view in pictures.views if "overview" in view.kinds]
    images = tuple(
        _image(view, kind, f"case-{number:02d}-{view.plane}-{kind}.png", case)
        for kind in kinds
        for view in views
    )
    return Drawing(
        section, images, f"{case}, planes through its largest error: {because}.", f"case-{number}"
    )


def sides_drawing(
    section: str, number: int, case: str, views: Sequence[View], words: str
) -> Drawing:
    """Three planes through the lungs of a case without a reference."""
    images = [_image(view, "sides", f"case-{number:02d}-{view.plane}.png", case) for view in views]
    return Drawing(section, tuple(images), f"{case}: {words}. {SIDES_KEY}", f"case-{number}")


def slice_drawings(section: str, pictures: Mapping[str, Pictures]) -> Iterator[Drawing]:
    """The best, the median and the worst slices, each as CT, outlines and errors."""
    for word, chosen in choose(pictures).items():
        for number, one in enumerate(chosen, 1):
            yield Drawing(section, _three(one, f"{word}-{number}"), f"{one.text}.")


def _three(one: Chosen, slug: str) -> tuple[Image, ...]:
    kinds: tuple[Kind, ...] = ("ct", "outlines", "errors")
    if one.view.ct is None:
        kinds = ("outlines", "errors")
    return tuple(
        _image(one.view, kind, f"{slug}-{kind}.png", one.case, one.before_cleaning)
        for kind in kinds
    )


def _image(view: View, kind: Kind, slug: str, case: str, before_cleaning: bool = False) -> Image:
    label = view.title
    if kind != "sides":
        label += ": CT" if kind == "ct" else f": {kind}"
    return Image(slug, partial(_draw, view, kind, before_cleaning), f"{case}, {label}", label)


def _draw(view: View, kind: Kind, before_cleaning: bool, path: Path) -> None:
    save_panel(panel(view, kind, before_cleaning=before_cleaning), path)
