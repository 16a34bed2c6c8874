"""A cohort on disk: cases, and which of them train, validate and test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pleura.core.atomic import read_json, write_json_if_changed
from pleura.core.errors import NothingUsable, UsageError
from pleura.store.case import Case
from pleura.store.layout import CASES, COHORT, SPLIT, is_case_id
from pleura.store.split import Split

FORMAT = "pleura-cohort/1"


@dataclass(frozen=True)
class Cohort:
    """A prepared folder. `about` is `cohort.json`."""

    folder: Path
    about: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path) -> "Cohort":
        """Open a cohort.

        Raises:
            UsageError: the folder is not a cohort, or its `cohort.json` is broken.
            NothingUsable: it has no case.
        """
        try:
            about = read_json(folder / COHORT)
        except (OSError, ValueError):
            raise UsageError(
                f"not a cohort: {COHORT} is missing or broken; make one with pleura prepare"
            ) from None
        if not isinstance(about, dict) or about.get("format") != FORMAT:
            raise UsageError(f"{COHORT} has another format than {FORMAT}; run pleura prepare again")
        if not _is_valid(about.get("cases")):
            raise UsageError(
                f"{COHORT} is broken: its list of cases is not valid; run pleura prepare again"
            )
        if not about["cases"]:
            raise NothingUsable("the cohort has no case")
        return cls(folder, about)

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """All cases, sorted by id. Raises `InputRefused` where one is broken."""
        return tuple(self.case(entry["id"]) for entry in self.about["cases"])

    def case(self, name: str) -> Case:
        """One case. Raises `InputRefused` where it is broken."""
        return Case.open(self.folder / CASES / name)

    @cached_property
    def split(self) -> Split:
        """Which cases train, validate and test.

        Raises:
            UsageError: `split.json` is missing or broken, or names other cases: `prepare` was
                stopped between the two files.
        """
        split = Split.read(self.folder)
        if split.cases() != {entry["id"] for entry in self.about["cases"]}:
            raise UsageError(
                f"{SPLIT} and {COHORT} name different cases: prepare was interrupted; run the same "
                "pleura prepare again"
            )
        return split


def _is_valid(cases: Any) -> bool:
    if not isinstance(cases, list) or not all(
        isinstance(case, dict) and is_case_id(case.get("id")) for case in cases
    ):
        return False
    return len({case["id"] for case in cases}) == len(cases)


def write_cohort(
    folder: Path, cases: Sequence[Mapping[str, Any]], split: Split, **facts: Any
) -> None:
    """Write `split.json`, then `cohort.json`: a cohort that can be opened is complete."""
    split.write(folder)
    write_json_if_changed(
        folder / COHORT, {"format": FORMAT, "cases": [dict(case) for case in cases]} | facts
    )
