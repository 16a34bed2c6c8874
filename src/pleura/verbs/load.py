"""`pleura.load`: the volumes of a cohort as a dictionary that reads when it is asked."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pleura.arrays.volume import Volume
from pleura.store.cohort import Cohort


class Volumes(Mapping[str, Volume]):
    """Case id to `Volume`; nothing is read before a case is asked for, and then it is memory-mapped."""

    def __init__(self, cohort: Cohort) -> None:
        self._cases = {case.id: case for case in cohort.cases}

    def __getitem__(self, case: str) -> Volume:
        return self._cases[case].volume()

    def __iter__(self) -> Iterator[str]:
        return iter(self._cases)

    def __len__(self) -> int:
        return len(self._cases)


def load(folder: Path | str) -> Mapping[str, Volume]:
    """The volumes of a cohort by case id, lazily.

    Args:
        folder: what `pleura prepare` wrote.

    Returns:
        A read-only mapping; `volumes["Case_000"].hu` is int16 HU `[slice, row, column]`.

    Raises:
        UsageError: the folder is no cohort.
    """
    return Volumes(Cohort.open(Path(folder)))
