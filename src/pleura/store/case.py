"""A case on disk: HU, padding, mask and their description. Arrays are memory-mapped."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pleura.core.atomic import read_json, write_json
from pleura.core.codes import refused
from pleura.core.errors import InputRefused
from pleura.core.findings import Finding, Verdict
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.store.arrays import open_array, save_array
from pleura.store.layout import CASE, MASK, PADDING, VOLUME, is_case_id

FORMAT = "pleura-case/1"


@dataclass(frozen=True)
class Case:
    """A case of a cohort. `about` is `case.json`; arrays are opened on request."""

    folder: Path
    about: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path) -> "Case":
        """Open a case's folder.

        Raises:
            InputRefused: `BROKEN-CASE`: `case.json` is missing, broken, of another version, or of
                another folder.
        """
        try:
            about = read_json(folder / CASE)
        except (OSError, ValueError) as error:
            raise _broken(f"{CASE} is missing or broken") from error
        if not isinstance(about, dict) or about.get("format") != FORMAT:
            raise _broken(f"{CASE} has another format than {FORMAT}")
        case = cls(folder, about)
        try:
            case.check()
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise _broken(f"{CASE} is not valid ({type(error).__name__})") from error
        return case

    def check(self) -> None:
        """Raise `KeyError`, `TypeError` or `ValueError` where `case.json` lacks what the properties
        need.
        """
        if not is_case_id(self.id) or self.id != self.folder.name:
            raise ValueError(self.about["id"])
        if not all(isinstance(finding, Finding) for finding in self.findings):
            raise TypeError
        _ = self.grid, self.series_uid, self.has_mask and bool(self.about["mask"]["sided"])

    @property
    def id(self) -> str:
        """The case id, which is also the folder's name."""
        return str(self.about["id"])

    @property
    def series_uid(self) -> str:
        """The SeriesInstanceUID that the case was made from; empty where unknown."""
        return str(self.about.get("series_uid", ""))

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What `prepare` found."""
        return tuple(
            Finding(str(f["code"]), Verdict[f["verdict"].upper()], str(f["message"]), f["evidence"])
            for f in self.about.get("findings", ())
        )

    @cached_property
    def grid(self) -> Grid:
        """The grid of the volume and the mask."""
        return Grid.from_json(self.about["grid"])

    @property
    def has_mask(self) -> bool:
        """Whether there is a reference mask."""
        return self.about["mask"] is not None

    def volume(self) -> Volume:
        """HU int16 `[slice, row, column]` and padding, memory-mapped, read-only.

        Raises:
            InputRefused: `BROKEN-CASE`: a file is missing, truncated or of another shape.
        """
        padding = self.folder / PADDING
        has_padding = padding.exists() or bool(self.about.get("padding_voxels"))
        hu: Any = open_array(self.folder / VOLUME, self.grid.shape, np.int16)
        marked: Any = open_array(padding, self.grid.shape, np.bool_) if has_padding else None
        return Volume(hu, self.grid, marked)

    def mask(self) -> LungMask:
        """The reference mask, memory-mapped, read-only.

        Raises:
            InputRefused: there is none, or it is broken.
        """
        if not self.has_mask:
            raise refused("NO-REFERENCE")
        labels: Any = open_array(self.folder / MASK, self.grid.shape, np.uint8)
        return LungMask(labels, self.grid, bool(self.about["mask"]["sided"]))


def write_case(
    folder: Path, case: str, volume: Volume, mask: LungMask | None, **facts: Any
) -> None:
    """Fill a case's folder: `volume.npy`, `padding.npy`, `mask.npy` and `case.json`.

    The caller makes the folder appear when it is complete. `facts` go into `case.json` with id,
    grid and mask: series_uid, verdict, findings and the like, nothing that identifies a patient.
    """
    save_array(folder / VOLUME, volume.hu)
    if volume.padding is not None:
        save_array(folder / PADDING, volume.padding)
    about: dict[str, Any] = {
        "format": FORMAT,
        "id": case,
        "grid": volume.grid.as_json(),
        "spacing_mm": list(volume.grid.spacing_mm),
        "padding_voxels": 0 if volume.padding is None else int(np.count_nonzero(volume.padding)),
        "mask": None,
    }
    if mask is not None:
        save_array(folder / MASK, mask.labels)
        about["mask"] = {"sided": mask.sided, "volume_ml": mask.volume_ml()}
    write_json(folder / CASE, about | facts)


def _broken(problem: str) -> InputRefused:
    return refused("BROKEN-CASE", problem=problem)
