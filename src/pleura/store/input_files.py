"""What became of the files of an input: by their headers, and once its cases are done.

An input is every folder, archive or file that a verb reads CT and masks from, cohorts aside: what
pleura wrote itself needs no account. Nor does its bookkeeping in other folders, which can differ
where the results are equal.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pleura.files.accounting import Accounting
from pleura.files.contents import RECORDS, UNFINISHED
from pleura.images.bounded import image_files
from pleura.store.layout import COHORT

if TYPE_CHECKING:
    from pleura.dicom.series import Series, Survey

NOT_CT = "not CT"
"""Kind of the files of other series."""


@dataclass(frozen=True)
class InputFiles:
    """Files that are used, refused or neither by their headers.

    `shared` counts the files that count as used, by the cases that they belong to: those of a
    series and of its mask, or a file that several cases share.
    """

    accounting: Accounting
    shared: Mapping[tuple[str, ...], int]

    @classmethod
    def of(
        cls,
        trees: Iterable["Survey"],
        cases: Mapping[str, Collection["Series | Path"]],
        rest: str = NOT_CT,
    ) -> "InputFiles":
        """Account for trees that have no file in common.

        Args:
            trees: what was found in each folder of the input.
            cases: the series and the other files that each case is made of.
            rest: kind of the files of series that are neither refused nor of a case.
        """
        total = Accounting()
        shared: Counter[tuple[str, ...]] = Counter()
        for tree in trees:
            owners: list[tuple[str, ...]] = [()] * len(tree.walk.files)
            for case, parts in cases.items():
                alone = (case,)
                for number in tree.numbers_of(_places(parts)):
                    owners[number] = owners[number] + alone if owners[number] else alone
            total += tree.accounting(owners, rest)
            shared.update(filter(None, owners))
        other = {kind: n for kind, n in total.other.items() if kind not in (RECORDS, UNFINISHED)}
        return cls(Accounting(total.used, total.refused, other), shared)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "InputFiles":
        """What `as_json` returned."""
        shared = {tuple(cases): count for cases, count in value["shared"]}
        return cls(Accounting.from_json(value["files"]), shared)

    def as_json(self) -> dict[str, Any]:
        """Plain values, for the plan of a job array."""
        shared = [[list(cases), count] for cases, count in self.shared.items()]
        return {"files": self.accounting.as_json(), "shared": shared}

    def without(self, refused: Mapping[str, str]) -> "InputFiles":
        """The same, where these cases are refused already; `refused` has the code of each."""
        kept = {
            cases: count for cases, count in self.shared.items() if not refused.keys() >= set(cases)
        }
        return InputFiles(self.after(refused), kept)

    def after(
        self, refused: Mapping[str, str], left: Mapping[str, str] = MappingProxyType({})
    ) -> Accounting:
        """The account once the cases are done.

        A file is used where one of the cases that it belongs to is; else refused where one is.

        Args:
            refused: the code of each case that was refused.
            left: the kind of each case that was neither refused nor used.
        """
        codes, other = Counter(self.accounting.refused), Counter(self.accounting.other)
        moved = 0
        for cases, files in self.shared.items():
            if not all(case in refused or case in left for case in cases):
                continue
            moved += files
            first = next((case for case in cases if case in refused), None)
            if first is not None:
                codes[refused[first]] += files
            else:
                other[left[cases[0]]] += files
        return Accounting(self.accounting.used - moved, codes, other)


def _places(parts: Iterable["Series | Path"]) -> Iterator[str]:
    """The locations of the files of series, and of images with their detached voxels."""
    for part in parts:
        image = part if isinstance(part, Path) else part.image
        if image is not None:
            yield from map(str, image_files(image))
        if not isinstance(part, Path):
            yield from (plane.file for plane in part.files)


def usable_cases(series: Iterable["Series"]) -> dict[str, list["Series | Path"]]:
    """Each usable series as a case of its own, for `InputFiles.of`."""
    return {one.id: [one] for one in series if one.usable}


def trees_of(
    folders: Iterable[Path], surveyed: "Callable[[Path], Survey] | None" = None
) -> list["Survey"]:
    """What is in each of the folders but cohorts; a file that is in several, in the first only.

    Args:
        folders: of the input; a single file or an archive too.
        surveyed: returns the series and files of a folder, by default `dicom.series.survey`.
    """
    from pleura.dicom.series import survey

    trees: list[Survey] = []
    roots: list[Path] = []
    for folder in folders:
        root = folder.resolve()
        if (folder / COHORT).is_file() or not {root, *root.parents}.isdisjoint(roots):
            continue
        tree = (surveyed or survey)(folder)
        for earlier in roots:
            if root in earlier.parents:
                tree = tree.outside(earlier)
        trees.append(tree)
        roots.append(root)
    return trees


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
