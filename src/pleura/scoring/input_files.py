"""What became of the files of an evaluation's input: masks, references and CT."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pleura.dicom.series import Series, Survey
from pleura.files.accounting import Accounting
from pleura.labels.pair import REFERENCE
from pleura.labels.registry import files_of_mask
from pleura.scoring.batch import Evaluation, Method, Scored
from pleura.scoring.case import CT
from pleura.scoring.ct import SeriesCt
from pleura.scoring.pairing import Reference
from pleura.store.input_files import InputFiles

PARTS = ("mask", "reference", "CT")
NOT_SCORED = "not scored"
"""Kind of the DICOM files of series that belong to no scored case."""


def account(
    trees: Sequence[Survey], evaluation: Evaluation, scored: Sequence[Scored]
) -> Accounting:
    """Account for every file of the input: used where one of the methods has a score with it.

    Of a case that was refused, the files with the fault count as refused: its mask, its reference
    or its CT. The others are not scored, as a mask without a reference and a reference without a
    mask are not.

    Args:
        trees: the folders of masks and references, of grids, and of CT beside them.
        evaluation: what was scored.
        scored: what became of it.
    """
    parts: dict[str, Sequence[Series | Path]] = {}
    refused: dict[str, str] = {}
    left: dict[str, str] = {}
    for one in scored:
        files = {
            job.id: (job.files, job.reference.files, list(_ct_of(job.reference)))
            for job in evaluation.jobs(one.method.pairing)
        }
        files |= _unclear(evaluation, one.method)
        failed = {entry["case"]: entry for entry in one.refused}
        for case, of_case in files.items():
            names = [f"{one.method.group}{case} {part}" for part in PARTS]
            parts.update(zip(names, of_case, strict=True))
            if case in failed:
                left.update(dict.fromkeys(names, NOT_SCORED))
                refused[names[_fault(failed[case]["reason"])]] = failed[case]["code"]
    return InputFiles.of(trees, parts, NOT_SCORED).after(refused, left)


def _fault(message: str) -> int:
    """The part of a case that a refusal is about: its reference, its CT, or else its mask."""
    if message.startswith(REFERENCE):
        return 1
    return 2 if message.startswith(CT) else 0


def _ct_of(reference: Reference) -> Iterator[Series]:
    """The series of a reference's CT."""
    if reference.about is not None and isinstance(reference.about.ct, SeriesCt):
        yield reference.about.ct.series


def _unclear(
    evaluation: Evaluation, method: Method
) -> dict[str, tuple[list[Path], list[Path], list[Series]]]:
    """Cases with several masks or references, by their name in results, with all of these."""
    references, pairing = evaluation.references, method.pairing
    found = {}
    for case in references.unclear.keys() | pairing.unclear.keys():
        masks = _files_of(pairing.paths.get(case, ()))
        others = _files_of(references.paths.get(case, ()))
        ct: list[Series] = []
        if case in references.cases:
            others += references.cases[case].files
            ct += _ct_of(references.cases[case])
        found[evaluation.shown[case]] = (masks, others, ct)
    return found


def _files_of(masks: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for mask in masks:
        files += files_of_mask(mask)
    return files
