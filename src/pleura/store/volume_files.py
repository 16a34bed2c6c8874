"""CT volumes in image files (NIfTI, NRRD, MetaImage), presented as series."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pleura.core.codes import finding
from pleura.core.findings import Finding
from pleura.core.progress import Progress, silent
from pleura.dicom.gaps import Gaps
from pleura.dicom.series import Series, Survey, survey
from pleura.geometry.volume import Volume


@dataclass(frozen=True, eq=False)
class VolumeFile(Series):
    """An image file as a series: it has no UIDs, no header, and no grid before it is read."""

    @property
    def is_ct(self) -> bool:
        return True

    @property
    def usable(self) -> bool:
        """Always true; faults of a file are found when it is read."""
        return True

    def read(self, progress: Progress = silent) -> Volume:
        """Read the volume. Raises `InputRefused`; see `images.volumes.read_volume`."""
        from pleura.images.volumes import read_volume

        assert self.image is not None
        return read_volume(self.image)


def is_volume_file(source: Path) -> bool:
    """Whether a path is itself an image file."""
    if not source.is_file():
        return False
    from pleura.images.reading import map_suffix

    return bool(map_suffix(source))


def volume_files(source: Path) -> list[Series]:
    """The CT image files at or below a path, by id; those that repeat another say so.

    Volumes in formats that are not read are among them: none is passed over silently.
    """
    from pleura.images.duplicates import same_content
    from pleura.images.volumes import find_volumes

    found = sorted(find_volumes(source, unread=True).items())
    id_of = {path: name for name, path in found}
    repeats = same_content(id_of)
    series: list[Series] = []
    for name, path in found:
        findings: tuple[Finding, ...] = ()
        if path in repeats:
            findings = (finding("SAME-AS-ANOTHER", other=id_of[repeats[path]]),)
        series.append(
            VolumeFile(name, "", "", "", "CT", "", 0, 0, 0, None, findings, (), image=path)
        )
    return series


def series_in(source: Path, *, gaps: Gaps = "refuse", progress: Progress = silent) -> list[Series]:
    """The series of a tree, and its image files where it has no CT series that could be used.

    Raises:
        UsageError: `source` does not exist.
    """
    return survey_in(source, gaps=gaps, progress=progress)[0]


def survey_in(
    source: Path, *, gaps: Gaps = "refuse", progress: Progress = silent
) -> tuple[list[Series], Survey]:
    """The series that `series_in` returns, and the survey of the whole tree."""
    tree = survey(source, gaps=gaps, progress=progress)
    if is_volume_file(source):
        return volume_files(source), tree
    found = list(tree.series)
    if has_usable(found):
        return found, tree
    # those that cannot be read are among the refused files already
    images = [one for one in volume_files(source) if one.image and os.access(one.image, os.R_OK)]
    return [*found, *images], tree


def has_usable(found: Iterable[Series]) -> bool:
    """Whether image files beside these series are left out: the series come first."""
    return any(series.usable for series in found)
