"""A cohort on disk: cases, and who trains and who tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pleura.core.atomic import read_json, write_json
from pleura.core.errors import NothingUsable, UsageError
from pleura.store.case import Case
from pleura.store.split import Split

FORMAT = "pleura-cohort/1"
NAME = "cohort.json"


@dataclass(frozen=True)
class Cohort:
    """A prepared folder. `about` is `cohort.json`."""

    folder: Path
    about: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path) -> "Cohort":
        """Open a cohort.

        Raises:
            UsageError: the folder is no cohort.
            NothingUsable: it holds no case.
        """
        try:
            about = read_json(folder / NAME)
        except (OSError, ValueError):
            raise UsageError(f"no cohort there: {NAME} is missing or broken; make one with pleura prepare") from None
        if about.get("format") != FORMAT:
            raise UsageError(f"{NAME} is of a format that this version does not know; prepare the cohort again")
        if not about["cases"]:
            raise NothingUsable("the cohort holds no case")
        return cls(folder, about)

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """All cases, in order of their ids."""
        return tuple(self.case(entry["id"]) for entry in self.about["cases"])

    def case(self, name: str) -> Case:
        """One case. Raises `InputRefused` where it is broken."""
        return Case.open(self.folder / "cases" / name)

    @cached_property
    def split(self) -> Split:
        """Who trains, validates, tests."""
        return Split.read(self.folder)


def write_cohort(folder: Path, cases: Sequence[Mapping[str, Any]], split: Split, **told: Any) -> None:
    """Write `split.json` and `cohort.json`, in this order: a cohort that can be opened is whole."""
    split.write(folder)
    write_json(folder / NAME, {"format": FORMAT, "cases": [dict(case) for case in cases]} | told)
