"""The tree that a de-identified one was made from, for the account of its files."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pleura.files.accounting import Accounting
from pleura.files.contents import DICOM
from pleura.files.listing import InputFile, RefusedFile

if TYPE_CHECKING:
    from pleura.dicom.series import Survey
    from pleura.files.walk import Walk


@dataclass(frozen=True)
class Original:
    """The files of the original, what became of them in de-identification, and case id to the
    PatientID that the map has.

    `faults_before` counts the faults of the machine that were noted before the original was read: a
    file that could not be read just now may have lost a mask its case.
    """

    walk: "Walk"
    account: Accounting
    patients: Mapping[str, str]
    faults_before: int

    @property
    def folder(self) -> Path | None:
        """Where masks may lie beside the CT; an archive is not searched for them."""
        root = self.walk.root
        return root if root.is_dir() else None

    def completed(self, tree: "Survey") -> "Survey":
        """The de-identified tree with what the original had beside it.

        Every file of the original is there once: as it was de-identified, as refused by then, or
        as what it is where it is not DICOM.
        """
        others = [
            file._replace(name=f"original/{file.name}")
            for file in self.walk.files
            if file.kind != DICOM
        ]
        counts = Counter(file.kind for file in others)
        for kind, count in self.account.other.items():
            others += [InputFile("", "", 0, kind)] * (count - counts[kind])
        refused = list(tree.walk.refused)
        for code, count in self.account.refused.items():
            refused += [RefusedFile("", code)] * count
        files = (*tree.walk.dicom(), *others)
        return replace(tree, walk=replace(self.walk, files=files, refused=tuple(refused)))
