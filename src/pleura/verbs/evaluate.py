"""`pleura evaluate`: score masks of any tool against references, under one written policy."""

from pathlib import Path
from typing import Literal

from pleura.core.atomic import read_json
from pleura.core.progress import Progress, silent
from pleura.core.shared_arguments import shared_arguments
from pleura.scoring.result import EvaluateResult
from pleura.store.call import Call
from pleura.store.layout import SCORES
from pleura.store.part_results import PlanResult, ShareResult
from pleura.store.remote import over_object_stores

OPTIONS = ("empty", "split", "resample", "paths", "name", "against_name")
"""Options that decide the scores; how labels are read is recorded beside them."""


@over_object_stores(writes=False, has_tasks=False)
@shared_arguments
def evaluate(
    pred: Path,
    ref: Path,
    out: Path,
    *,
    empty: Literal["one", "zero", "undefined"] = "one",
    split: Literal["all", "train", "validation", "test"] = "all",
    against: Path | None = None,
    patients: Path | None = None,
    grid: Path | None = None,
    mapping: str = "auto",
    ref_mapping: str = "auto",
    against_mapping: str = "auto",
    name: str = "",
    against_name: str = "",
    paths: bool = False,
    resample: bool = False,
    workers: int = 0,
    scheduler: str = "",
    plan: bool = False,
    tasks: int = 0,
    task: str = "",
    retry: str = "",
    verify_done: Literal["size", "hash"] = "size",
    overwrite: bool = False,
    progress: Progress = silent,
) -> EvaluateResult | PlanResult | ShareResult:
    """Score lung masks against references.

    For every slice and volume: Dice, IoU, precision, recall, accuracy; volumes in ml; surface
    distances in mm; per lung the slices that are missed or hallucinated. Missed and undefined
    structures count as the policy in scores.json says.

    Args:
        pred: Masks to score: a folder as segment, TotalSegmentator, nnU-Net or lungmask write it
            (CASE.nii.gz, CASE/lungs.nii.gz, CASE/ or CASE/segmentations/ with one file for each
            structure, CASE_seg.npz), a folder of DICOM segmentations and structure sets, or one
            file.
        ref: References: a cohort, a folder of masks, a folder of DICOM with CT and structure sets,
            or one file. Masks are matched by case name, by the folder of the CT, or by the UIDs
            that they refer to.
        out: Folder for scores.json, scores.csv, slices.csv and run.json.
        empty: Dice where neither mask has lung: one, zero, or undefined (left out of means).
        split: Score only these cases of a cohort.
        against: Masks of another method for the same cases: scored too, and compared by paired
            tests.
        patients: CSV file with the columns case, patient and site (one of these two may be missing)
            and a row for each case: intervals and tests go by patient, tables by site. Without it
            every case is a patient.
        grid: Folder to read the grids of NPZ masks and structure sets from: a cohort, label maps,
            or DICOM series. Not needed where the other mask has a grid, or where the CT is in REF
            or PRED.
        mapping: Meaning of the labels of PRED: lungs (1 right, 2 left), lungmask, lungmask-lobes,
            totalsegmentator, totalsegmentator-v1, nnunet (the names in dataset.json), labels by
            side as right=3+4+5,left=1+2 or either=1, or a file of names (dataset.json, labels.txt
            of ITK-SNAP, .ctbl of 3D Slicer). auto = such a file beside the masks, dataset.json
            above them too, else lungs.
        ref_mapping: The same for label maps of REF.
        against_mapping: The same for AGAINST.
        name: Name of the method of PRED, for tables and the page.
        against_name: Name of the method of AGAINST.
        paths: Keep case names that are taken from file names, which can be a patient's. Without it,
            names that are more than numbering become hidden_001 and so on; OUT.names.json, beside
            OUT and for its owner only, holds them.
        resample: Resample a mask on another grid to the reference's (nearest neighbour); without it
            such a case is refused.
        workers: Processes, each with a case of its own; 0 = one for each core.
        scheduler, plan, tasks, task, retry, verify_done, overwrite: See core.shared_arguments.

    Returns:
        The scores, as `scores.json` holds them; of a plan or a task, counts.

    Raises:
        NothingUsable: no case has both a mask and a reference.
        OutputConflict: OUT holds something else.
        UsageError: an option is wrong, or the table of patients lacks cases.
    """
    call = Call.of(evaluate, locals())
    from pleura.scoring.inputs import Inputs, score_inputs
    from pleura.store.job_array import Part
    from pleura.store.spread import How

    part = Part.of(call)
    pred, ref, out = part.shared(pred, ref, out)
    inputs = Inputs.of(
        pred=(pred, mapping, name),
        ref=(ref, ref_mapping, ""),
        against=None if against is None else (against, against_mapping, against_name),
        patients=patients,
        grid=grid,
    )
    options = {option: call.values[option] for option in OPTIONS}
    options["labels"] = [naming.as_json() for naming in inputs.namings.values()]
    with part.open_run(
        out,
        verb="evaluate",
        sources=inputs.paths,
        options=options,
        overwrite=overwrite,
        check=verify_done,
    ) as run:
        if run.done:
            return EvaluateResult(out, read_json(out / SCORES), run.record.get("input"))
        how = How(workers, scheduler=scheduler)
        return score_inputs(part, run, inputs, options, how, progress)
