"""Choose the slices of a case for its page, and cut them from CT and masks as displayed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.geometry.display import DISPLAYS, Display
from pleura.geometry.grid import Grid
from pleura.geometry.volume import AIR_HU, LungMask, Volume
from pleura.store.pictures import WINDOW_HU, Pictures, View

LARGEST = 512
"""[pixels] Longest side of a picture; of larger ones every second pixel is used."""
GREYS = 4
"""Grey values are multiples of this: finer steps would store noise, which takes most bytes."""


def picture_case(
    volume: Volume | None,
    mask: LungMask,
    reference: LungMask,
    raw: NDArray[np.bool_] | None,
    tables: Sequence[Mapping[str, Any]],
) -> Pictures:
    """Cut the views of a case: three planes through its largest error, and chosen slices.

    These are its best, median, worst and wrong slices.

    Args:
        volume: the CT on the masks' grid, or `None`.
        mask: the mask that was scored.
        reference: on the same grid.
        raw: the mask before cleaning, bool of the same shape, or `None`.
        tables: the scores of the slices, as `score_case` and `score_raw` give them.
    """
    layers = _Layers(volume, mask, reference, raw)
    views = layers.planes()
    for index, kinds in sorted(chosen_slices(tables).items()):
        views.append(layers.slice(index, kinds, slice_scores(tables, index)))
    return Pictures(views)


def plane_views(volume: Volume, mask: LungMask) -> list[View]:
    """Axial, coronal and sagittal plane through the middle of a mask without reference."""
    return _Layers(volume, mask, mask, None).planes()


def film_views(
    volume: Volume,
    mask: LungMask,
    reference: LungMask,
    most: int,
    *,
    raw: NDArray[np.bool_] | None = None,
) -> Iterator[View]:
    """At most `most` slices, evenly spaced; `raw` is the mask before cleaning."""
    layers = _Layers(volume, mask, reference, raw)
    step = max(1, -(-layers.grid.shape[0] // most))
    for index in range(0, layers.grid.shape[0], step):
        yield layers.slice(index, ("film",), {})


def chosen_slices(tables: Sequence[Mapping[str, Any]]) -> dict[int, tuple[str, ...]]:
    """Slice number to the reasons for its picture; before cleaning they begin with `raw `."""
    chosen: dict[int, tuple[str, ...]] = {}
    for table in tables:
        if table["structure"] != "both":
            continue
        prefix = "raw " if table["source"] == "raw" else ""
        for kind, index in _extremes(table).items():
            chosen[index] = (*chosen.get(index, ()), f"{prefix}{kind}")
    return chosen


def _extremes(table: Mapping[str, Any]) -> dict[str, int]:
    """The best, median and worst slice by Dice, and the worst missed and hallucinated ones.

    The first three are among slices with lung; the last two have the most wrong voxels.
    """
    rows = list(zip(table["slice"], table["class"], table["dice"], table["accuracy"], strict=True))
    lung = sorted(
        (dice, index)
        for index, kind, dice, _ in rows
        if kind in ("lung", "missed") and dice is not None
    )
    found = {}
    if lung:
        found = {"best": lung[-1][1], "median": lung[len(lung) // 2][1], "worst": lung[0][1]}
    for kind in ("missed", "hallucinated"):
        wrong = [(accuracy, index) for index, of_class, _, accuracy in rows if of_class == kind]
        if wrong:
            found[kind] = min(wrong)[1]
    return found


def slice_scores(tables: Sequence[Mapping[str, Any]], index: int) -> dict[str, Any]:
    """Class, Dice and accuracy of a slice, both lungs; `raw_…` before cleaning."""
    scores: dict[str, Any] = {}
    for table in tables:
        if table["structure"] == "both":
            prefix = "raw_" if table["source"] == "raw" else ""
            scores |= {
                f"{prefix}{name}": table[name][index] for name in ("class", "dice", "accuracy")
            }
            scores["position_mm"] = table["position_mm"][index]
    return scores


@dataclass(frozen=True)
class _Layers:
    """The arrays of a case on one grid, which are cut together."""

    volume: Volume | None
    mask: LungMask
    reference: LungMask
    raw: NDArray[np.bool_] | None

    @property
    def grid(self) -> Grid:
        return self.reference.grid

    @property
    def centre(self) -> tuple[int, int, int]:
        """Where most voxels are wrong along each axis, else the middle of the reference."""
        wrong = self.mask.labels != self.reference.labels
        if not (self.mask.sided and self.reference.sided):
            wrong = self.mask.lungs != self.reference.lungs
        chosen = wrong if wrong.any() else self.reference.lungs
        centre = []
        for axis in range(3):
            counts = np.count_nonzero(chosen, axis=tuple(k for k in range(3) if k != axis))
            middle = int(np.searchsorted(np.cumsum(counts), counts.sum() / 2))
            centre.append(int(counts.argmax()) if wrong.any() else middle)
        return centre[0], centre[1], centre[2]

    def planes(self) -> list[View]:
        """The three planes through the centre."""
        centre = self.centre
        displays = [Display.of(self.grid, name) for name in DISPLAYS]
        return [self.cut(one, centre[one.through], ("overview",), {}) for one in displays]

    def slice(self, index: int, kinds: tuple[str, ...], scores: Mapping[str, Any]) -> View:
        """A slice of the stack."""
        return self.cut(Display.along(self.grid, 0), index, kinds, scores)

    def cut(
        self, display: Display, index: int, kinds: tuple[str, ...], scores: Mapping[str, Any]
    ) -> View:
        """The plane at `index`, turned for display."""
        shape, spacing = self.grid.shape, self.grid.spacing_mm
        down, across = display.down, display.across
        step = -(-max(shape[down], shape[across]) // LARGEST)

        def shown(array: NDArray[Any]) -> NDArray[Any]:
            return np.ascontiguousarray(display.cut(array, index)[::step, ::step])

        raw = ct = None
        if self.raw is not None:
            raw = shown(self.raw).astype(np.uint8)
        if self.volume is not None:
            hu = shown(self.volume.hu)
            if self.volume.padding is not None:
                hu[shown(self.volume.padding)] = AIR_HU
            ct = _greys(hu)
        return View(
            plane=display.name,
            kinds=kinds,
            index=index,
            count=shape[display.through],
            ends=display.ends,
            aspect=spacing[down] / spacing[across],
            column_mm=spacing[across] * step,
            prediction=shown(self.mask.labels),
            reference=shown(self.reference.labels),
            ct=ct,
            raw=raw,
            scores=scores,
        )


def _greys(plane: NDArray[Any]) -> NDArray[np.uint8]:
    """HU as grey values, 0 to 255 over `WINDOW_HU`."""
    low, high = WINDOW_HU
    scaled = np.clip((plane.astype(np.float32) - low) * (255 / (high - low)), 0, 255)
    greys: NDArray[np.uint8] = (np.rint(scaled / GREYS) * GREYS).clip(0, 255).astype(np.uint8)
    return greys
