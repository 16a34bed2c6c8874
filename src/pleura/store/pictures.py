"""Slices of a scored case for its page: small 8-bit copies that replace CT and masks there."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.atomic import atomic_file, parse_json
from pleura.core.faults import machine_error

Bytes = NDArray[np.uint8]

FORMAT = "pleura-pictures/1"
WINDOW_HU = (-1350, 150)
"""The usual lung window (level −600, width 1500) for the 256 grey values of `View.ct`."""
LAYERS = ("ct", "prediction", "reference", "raw")


@dataclass(frozen=True, eq=False)
class View:
    """One plane through a case as displayed: head or front up, the patient's right on the left.

    `kinds` say why it is shown (`overview`, `worst`, `hallucinated` …). `ends` are the patient's
    directions at the left and right edge. `aspect` is mm per row over mm per column, `column_mm`
    the size of a column. `ct` is uint8 over `WINDOW_HU`, or `None` without CT. `prediction` and
    `reference` are labels (1 right, 2 left); `raw` is the mask before cleaning (1 lung) or `None`.
    `scores` are those of the slice, empty for planes across slices.
    """

    plane: str
    kinds: tuple[str, ...]
    index: int
    count: int
    ends: tuple[str, str]
    aspect: float
    column_mm: float
    prediction: Bytes
    reference: Bytes
    ct: Bytes | None = None
    raw: Bytes | None = None
    scores: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Plane and position, such as `axial, slice 54 of 140`; counted from 1."""
        return f"{self.plane}, {self.index + 1} of {self.count}"

    def about(self) -> dict[str, Any]:
        """Everything except the arrays, as plain values."""
        names = ("plane", "kinds", "index", "count", "ends", "aspect", "column_mm", "scores")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Pictures:
    """The views of one case."""

    views: Sequence[View]

    def write(self, path: Path) -> None:
        """Write the views as one compressed NPZ, atomically."""
        arrays: dict[str, Any] = {}
        for k, view in enumerate(self.views):
            layers = {name: getattr(view, name) for name in LAYERS}
            arrays |= {f"{k}_{name}": layer for name, layer in layers.items() if layer is not None}
        about = {"format": FORMAT, "views": [view.about() for view in self.views]}
        arrays["about"] = np.frombuffer(json.dumps(about, sort_keys=True).encode(), dtype=np.uint8)
        with atomic_file(path) as part, part.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)

    @classmethod
    def read(cls, path: Path) -> "Pictures":
        """Read the views; none where the file is missing or broken.

        Raises:
            OSError: the disk fails, so that pictures would be missing without a word.
        """
        try:
            with np.load(path, allow_pickle=False) as held:
                about = parse_json(held["about"].tobytes())
                return cls([_view(held, k, entry) for k, entry in enumerate(about["views"])])
        except Exception as error:  # zipfile, zlib and numpy raise various ones on a broken archive
            hidden = machine_error(error)
            if hidden is not None:
                raise hidden from None
            return cls([])

    def of_kind(self, kind: str) -> View | None:
        """The view of a kind, or `None` where there is none."""
        return next((view for view in self.views if kind in view.kinds), None)


def _view(held: Any, k: int, about: Mapping[str, Any]) -> View:
    layers: dict[str, Any] = {
        name: np.array(held[f"{k}_{name}"]) for name in LAYERS if f"{k}_{name}" in held
    }
    ends = (str(about["ends"][0]), str(about["ends"][1]))
    return View(**{**about, "kinds": tuple(about["kinds"]), "ends": ends}, **layers)
