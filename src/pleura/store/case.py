"""A case on disk: HU, padding, mask, and what they are. Arrays are memory-mapped `.npy`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pleura.core.atomic import read_json, write_json
from pleura.core.errors import InputRefused
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume

FORMAT = "pleura-case/1"
NAME = "case.json"


@dataclass(frozen=True)
class Case:
    """A case of a cohort. `about` is `case.json`; arrays are opened when they are asked for."""

    folder: Path
    about: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path) -> "Case":
        """Open a case's folder. Raises `InputRefused` where it holds none."""
        try:
            about = read_json(folder / NAME)
        except (OSError, ValueError) as error:
            raise InputRefused(f"{folder.name}: no case: {NAME} is missing or broken; prepare it again") from error
        if about.get("format") != FORMAT:
            raise InputRefused(f"{folder.name}: {NAME} is of a format that this version does not know; prepare it again")
        return cls(folder, about)

    @property
    def id(self) -> str:
        """The case id."""
        return str(self.about["id"])

    @property
    def grid(self) -> Grid:
        """Where the voxels lie."""
        return Grid.from_json(self.about["grid"])

    @property
    def has_mask(self) -> bool:
        """Whether there is a reference mask."""
        return self.about["mask"] is not None

    def volume(self) -> Volume:
        """HU int16 `[slice, row, column]` and padding, memory-mapped, read-only."""
        padding = self.folder / "padding.npy"
        return Volume(
            np.load(self.folder / "volume.npy", mmap_mode="r"),
            self.grid,
            np.load(padding, mmap_mode="r") if padding.exists() else None,
        )

    def mask(self) -> LungMask:
        """The reference mask, memory-mapped, read-only. Raises `InputRefused` where there is none."""
        if not self.has_mask:
            raise InputRefused(f"{self.id}: the case has no reference mask")
        return LungMask(np.load(self.folder / "mask.npy", mmap_mode="r"), self.grid, bool(self.about["mask"]["sided"]))


def write_case(folder: Path, case: str, volume: Volume, mask: LungMask | None, **told: Any) -> None:
    """Fill a case's folder (the caller makes it whole): `volume.npy`, `padding.npy`, `mask.npy`, `case.json`.

    `told` goes into `case.json` beside id, grid and mask: series_uid, verdict, findings …, nothing that names anybody.
    """
    np.save(folder / "volume.npy", volume.hu, allow_pickle=False)
    if volume.padding is not None:
        np.save(folder / "padding.npy", volume.padding, allow_pickle=False)
    about: dict[str, Any] = {
        "format": FORMAT,
        "id": case,
        "grid": volume.grid.as_json(),
        "spacing_mm": list(volume.grid.spacing_mm),
        "padding_voxels": 0 if volume.padding is None else int(np.count_nonzero(volume.padding)),
        "mask": None,
    }
    if mask is not None:
        np.save(folder / "mask.npy", mask.labels, allow_pickle=False)
        about["mask"] = {"sided": mask.sided, "volume_ml": mask.volume_ml()}
    write_json(folder / NAME, about | told)
