"""What became of the files of an input: by their headers, and once its cases are done."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pleura.files.accounting import Accounting

if TYPE_CHECKING:
    from pleura.dicom.series import Series, Survey

NOT_CT = "not CT"
"""Kind of the files of other series."""


@dataclass(frozen=True)
class InputFiles:
    """Files that are used, refused or neither by their headers.

    `of_case` counts the files of each case that could be used; a file whose frames belong to
    several cases counts for the first.
    """

    accounting: Accounting
    of_case: Mapping[str, int]

    @classmethod
    def of(
        cls, found: "Survey", cases: Sequence["Series"], also: Iterable[str] = ()
    ) -> "InputFiles":
        """Account for a tree of which some series are cases.

        Args:
            found: the whole tree.
            cases: its CT series, and its image files where these are read.
            also: locations of other files that are used, such as masks.
        """
        series = list({one.id: one for one in (*found.series, *cases)}.values())
        counted: set[str] = set()
        of_case = {}
        for one in cases:
            if one.usable:
                names = set(found.names(one)) - counted
                of_case[one.id] = len(names)
                counted |= names
        return cls(found.accounting(series, cases, NOT_CT, also), of_case)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "InputFiles":
        """What `as_json` returned."""
        return cls(Accounting.from_json(value["files"]), value["of_case"])

    def as_json(self) -> dict[str, Any]:
        """Plain values, for the plan of a job array."""
        return {"files": self.accounting.as_json(), "of_case": dict(self.of_case)}

    def after(self, refused: Mapping[str, str]) -> Accounting:
        """The account once the cases are done; `refused` has the code of each that was refused."""
        codes: Counter[str] = Counter(self.accounting.refused)
        moved = 0
        for case, code in refused.items():
            files = self.of_case.get(case, 0)
            codes[code] += files
            moved += files
        counts = {code: count for code, count in codes.items() if count}
        return Accounting(self.accounting.used - moved, counts, self.accounting.other)


def account_of(
    files: InputFiles | None, records: Iterable[Mapping[str, Any]], result: str
) -> dict[str, Any] | None:
    """The account for `run.json`, once the cases are done; `None` for a cohort.

    Args:
        files: of the input.
        records: of the cases, with `findings`.
        result: key of what a case has that was not refused.
    """
    if files is None:
        return None
    codes = {
        record["id"]: next(
            (one["code"] for one in record["findings"] if one["verdict"] == "refused"),
            record["verdict"],
        )
        for record in records
        if record[result] is None
    }
    return files.after(codes).as_json()


def account_line(verb: str, files: Mapping[str, Any] | None) -> list[str]:
    """The line of a verb's summary about the files of its input; none for a cohort."""
    return [] if files is None else [f"{verb}: {Accounting.from_json(files).sentence()}"]
