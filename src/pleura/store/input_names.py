"""Names of the input for `--paths`: folders, files, descriptions and dates.

They can identify a patient, so they are shown on request only and never written to OUT.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pleura.dicom.descriptions import Description
from pleura.dicom.gaps import Gaps
from pleura.dicom.series import survey
from pleura.files.listing import RefusedFile
from pleura.store.volume_files import has_usable, is_volume_file, volume_files


@dataclass(frozen=True)
class InputNames:
    """Descriptions by series id, the files that could not be read, and masks without a case."""

    series: Mapping[str, Description]
    refused: Sequence[RefusedFile] = ()
    masks: Sequence[str] = ()

    def lines(self) -> list[str]:
        """One line for each series, refused file and mask."""
        return [
            *(f"{name}: {described.sentence()}" for name, described in self.series.items()),
            *(f"{file.code}: {file.name}" for file in self.refused),
            *(f"mask without a case: {name}" for name in self.masks),
        ]

    def as_json(self) -> dict[str, Any]:
        """`series` (folders, paths, description and date by id), `refused` files, and `masks`."""
        return {
            "series": {name: _as_json(described) for name, described in self.series.items()},
            "refused": [{"code": file.code, "path": file.name} for file in self.refused],
            "masks": list(self.masks),
        }


def _as_json(described: Description) -> dict[str, Any]:
    return {
        "folders": list(described.folders),
        "paths": list(described.files),
        "description": described.description,
        "date": described.date,
    }


def input_names(source: Path, gaps: Gaps = "refuse", masks: Sequence[Path] = ()) -> InputNames:
    """Read the names of a tree; the ids are those of `store.volume_files.series_in`.

    Args:
        source: folder, file, archive or DICOMDIR.
        gaps: what becomes of series with missing slices; it decides the ids.
        masks: mask files that belong to no case.

    Raises:
        UsageError: `source` does not exist.
    """
    named = tuple(path.name for path in masks)
    if is_volume_file(source):
        return InputNames(_image_files(source), masks=named)
    found = survey(source, gaps=gaps)
    series = found.descriptions(found.series)
    if not has_usable(found.series):
        series |= _image_files(source)
    return InputNames(series, found.walk.refused, named)


def _image_files(source: Path) -> dict[str, Description]:
    """Image files by id; they have no header with a description or a date."""
    folder = source if source.is_dir() else source.parent
    described = {}
    for one in volume_files(source):
        assert one.image is not None
        name = one.image.relative_to(folder)
        described[one.id] = Description((name.parent.as_posix(),), (name.as_posix(),), "", "")
    return described
