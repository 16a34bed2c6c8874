"""`pleura.load`: the volumes of a folder as a dictionary that reads when it is asked."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pleura.core.errors import InputRefused, NothingUsable
from pleura.core.findings import Verdict, reason, refusing_code
from pleura.geometry.volume import Volume
from pleura.store.cohort import Cohort
from pleura.store.layout import COHORT
from pleura.store.remote import on_folders

if TYPE_CHECKING:
    from pleura.dicom.series import Series


IDS_LISTED = 6
"""Ids in the repr."""


class Volumes(Mapping[str, Volume]):
    """Case or series id to `Volume`; nothing is read before a case is asked for. `refused` tells
    which series are not here, and why; asking for one of them raises `InputRefused`."""

    def __init__(
        self, readers: Mapping[str, Callable[[], Volume]], refused: Mapping[str, str]
    ) -> None:
        self._readers = dict(readers)
        self.refused = dict(refused)

    def __getitem__(self, case: str) -> Volume:
        if case in self.refused:
            raise InputRefused(f"{case}: {self.refused[case]}")
        return self._readers[case]()

    def __contains__(self, case: object) -> bool:
        return case in self._readers  # Mapping's own would read the volume

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)

    def __repr__(self) -> str:
        listed = ", ".join([*self][:IDS_LISTED]) + (", …" if len(self) > IDS_LISTED else "")
        return f"Volumes({len(self)} of {len(self) + len(self.refused)} usable: {listed})"


@on_folders
def load(folder: Path | str) -> Volumes:
    """The volumes of a cohort, or of a tree of DICOM files, by id, lazily.

    Args:
        folder: what `pleura prepare` or `pleura run` wrote (then arrays are memory-mapped), a
            folder with CT series (DICOM), or an image file (NIfTI, NRRD, MetaImage) or a folder of
            them.

    Returns:
        A read-only mapping; `volumes["Case_000"].hu` is int16 HU `[slice, row, column]`. Series
        that cannot be used are not in it; its `refused` maps their ids to the reasons.

    Raises:
        UsageError: the folder does not exist, or its cohort is broken.
        NothingUsable: no case and no CT series in it can be used.
    """
    folder = Path(folder)
    for place in (folder, folder / "cohort"):
        if (place / COHORT).exists():
            return Volumes({case.id: case.volume for case in Cohort.open(place).cases}, {})
    from pleura.store.volume_files import series_in

    found = [
        series for series in series_in(folder) if series.is_ct or series.verdict is Verdict.REFUSED
    ]
    refused = {series.id: series.reason for series in found if not series.usable}
    if len(refused) == len(found):
        raise NothingUsable(
            "load: no cohort and no CT series that could be used: pleura scan lists what is there"
        )
    return Volumes(
        {series.id: partial(_read, series) for series in found if series.usable}, refused
    )


def _read(series: "Series") -> Volume:
    """A series' volume: HU validated and corrected if certain. Raises `InputRefused`."""
    from pleura.quality.gate import gate

    judged = gate(series.read())
    if not judged.usable:
        raise InputRefused(
            f"{series.id}: {reason(judged.findings)}", code=refusing_code(judged.findings)
        )
    return judged.volume
