"""What became of the files of an evaluation's input: masks, references and CT."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pleura.dicom.series import Series, Survey
from pleura.files.accounting import Accounting
from pleura.labels.registry import files_of_mask
from pleura.scoring.batch import Evaluation, Method, Scored
from pleura.scoring.ct import SeriesCt
from pleura.scoring.pairing import Reference
from pleura.store.input_files import InputFiles

NOT_SCORED = "not scored"
"""Kind of the DICOM files of series that belong to no scored case."""


def account(
    trees: Sequence[Survey], evaluation: Evaluation, scored: Sequence[Scored]
) -> Accounting:
    """Account for every file of the input: used where one of the methods has a score with it.

    A file of a case that was refused counts as refused, a mask without a reference and a reference
    without a mask as other.

    Args:
        trees: the folders of masks and references, of grids, and of CT beside them.
        evaluation: what was scored.
        scored: what became of it.
    """
    cases: dict[str, list[Series | Path]] = {}
    refused: dict[str, str] = {}
    for one in scored:
        group = one.method.group
        for job in evaluation.jobs(one.method.pairing):
            cases[f"{group}{job.id}"] = [*job.files, *_of_reference(job.reference)]
        for case, parts in _unclear(evaluation, one.method):
            cases[f"{group}{case}"] = parts
        refused |= {f"{group}{entry['case']}": entry["code"] for entry in one.refused}
    return InputFiles.of(trees, cases, NOT_SCORED).after(refused)


def _of_reference(reference: Reference) -> Iterator[Series | Path]:
    """The files of a reference and its CT."""
    yield from reference.files
    if reference.about is not None and isinstance(reference.about.ct, SeriesCt):
        yield reference.about.ct.series


def _unclear(evaluation: Evaluation, method: Method) -> Iterator[tuple[str, list[Series | Path]]]:
    """Cases with several masks or references, by their name in results, with all of these."""
    references, pairing = evaluation.references, method.pairing
    for case in references.unclear.keys() | pairing.unclear.keys():
        files: list[Series | Path] = []
        for mask in (*references.paths.get(case, ()), *pairing.paths.get(case, ())):
            files += files_of_mask(mask)
        if case in references.cases:
            files += _of_reference(references.cases[case])
        yield evaluation.shown[case], files
