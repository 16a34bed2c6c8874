"""The CT of a case: it shows where false positives lie, and the page draws it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy.airways import airways
from pleura.anatomy.couch import body_mask, couch_mask
from pleura.core.findings import Finding
from pleura.geometry.volume import Volume
from pleura.images.bounded import image_files
from pleura.images.volumes import read_volume
from pleura.store.case import Case
from pleura.store.layout import REMOVED_COUCH

if TYPE_CHECKING:
    from pleura.dicom.series import Series

Bool = NDArray[np.bool_]


class Ct(Protocol):
    """A CT that is read when it is needed. It is pickled for worker processes."""

    @property
    def files(self) -> list[Path]:
        """The files or folders that are read."""
        ...

    def read(self) -> tuple[Volume, tuple[Finding, ...]]:
        """The volume and the gate's findings. Raises `InputRefused` where it cannot be used."""
        ...


@dataclass(frozen=True)
class CohortCt:
    """The volume of a case of a cohort."""

    folder: Path

    @property
    def files(self) -> list[Path]:
        return [self.folder]

    def read(self) -> tuple[Volume, tuple[Finding, ...]]:
        case = Case.open(self.folder)
        return case.volume(), case.findings

    def removed_couch(self, volume: Volume) -> Bool | None:
        """What `prepare --couch remove` replaced by air, bool; `None` where nothing was."""
        path = self.folder / REMOVED_COUCH
        if not path.is_file():
            return None
        bits = np.unpackbits(np.load(path), count=volume.hu.size)
        return bits.reshape(volume.hu.shape).astype(np.bool_)


@dataclass(frozen=True)
class SeriesCt:
    """A DICOM series."""

    series: "Series"

    @property
    def files(self) -> list[Path]:
        return sorted({plane.archive or Path(plane.file) for plane in self.series.files})

    def read(self) -> tuple[Volume, tuple[Finding, ...]]:
        from pleura.quality.gate import gate

        judged = gate(self.series.read()).require_usable()
        return judged.volume, (*self.series.findings, *judged.findings)


@dataclass(frozen=True)
class ImageCt:
    """A CT in a NIfTI, NRRD or MetaImage file."""

    path: Path

    @property
    def files(self) -> list[Path]:
        return image_files(self.path)

    def read(self) -> tuple[Volume, tuple[Finding, ...]]:
        from pleura.quality.gate import gate

        judged = gate(read_volume(self.path)).require_usable()
        return judged.volume, judged.findings


def places_of(ct: Ct | None, volume: Volume) -> dict[str, Bool]:
    """`places` of a case as it was acquired: what was removed from its volume counts as couch."""
    removed = ct.removed_couch(volume) if isinstance(ct, CohortCt) else None
    return places(volume, removed)


def places(volume: Volume, removed: Bool | None = None) -> dict[str, Bool]:
    """Disjoint regions of false positives: `airway`, `body` (elsewhere in it), `couch`,
    `outside_body`.

    Args:
        volume: the CT.
        removed: couch that was replaced by air in it.

    Returns:
        bool arrays of the volume's shape; together they cover the image.
    """
    body = body_mask(volume)
    airway = airways(volume, body)
    couch = couch_mask(volume, body) & ~body
    if removed is not None:
        couch |= removed & ~body
    return {
        "airway": airway,
        "body": body & ~airway,
        "couch": couch,
        "outside_body": ~(body | couch | airway),
    }
