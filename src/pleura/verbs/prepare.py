"""`pleura prepare`: CT series and lung masks become cases, and cases a cohort."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pleura.core.atomic import read_json
from pleura.core.progress import Progress, silent
from pleura.core.shared_arguments import shared_arguments
from pleura.preparing.original import Original
from pleura.preparing.result import PrepareResult
from pleura.store.layout import COHORT, SPLIT
from pleura.store.part_results import PlanResult, ShareResult
from pleura.store.remote import over_object_stores


@over_object_stores()
@shared_arguments
def prepare(
    source: Path,
    out: Path,
    *,
    masks: Path | None = None,
    split: str = "order",
    seed: int = 0,
    export: Literal["none", "nifti", "npy"] = "none",
    gaps: Literal["refuse", "interpolate", "split"] = "refuse",
    couch: Literal["keep", "remove"] = "keep",
    workers: int = 1,
    scheduler: str = "",
    plan: bool = False,
    tasks: int = 0,
    task: str = "",
    retry: str = "",
    verify_done: Literal["size", "hash"] = "size",
    overwrite: bool = False,
    paths: bool = False,
    names: Mapping[str, str] | None = None,
    original: Original | None = None,
    progress: Progress = silent,
) -> PrepareResult | PlanResult | ShareResult:
    """Make a cohort of cases: HU volumes, lung masks and a split.

    Every usable CT series becomes a case: volume, mask where there is one, and a three-plane view.
    Masks are files named by case, or RT structure sets and DICOM segmentations anywhere in IN,
    joined to their series by what they refer to (so the LCTSC collection is read as it is
    delivered). A mask must lie on its volume and on lung; several of one case must agree. The same
    command again finishes an interrupted run and does what is new in IN; the split is then made
    again.

    Args:
        source: Folder with CT series, de-identified ones in the ordinary run.
        out: Folder for the cohort.
        masks: Folder with masks by case, or with DICOM label objects; without it Segmentations/ and
            Labels/ of IN are looked through, and IN itself for label objects.
        split: Which cases test: order (the last third, by Case_NNN folder or PatientID of the
            source), seeded, kfold:K/I, leave-one-out:I, lctsc (as that collection's names say),
            or a CSV file with columns patient or case, and part (train, validation, test, unused).
        seed: Draws the cases of a seeded split.
        export: Also write each volume to OUT/export as NIfTI or NPY.
        gaps: What becomes of a series with missing slices: refuse, interpolate (fill them from
            their neighbours, and report it), or split (a case for each run of slices).
        couch: keep, or remove what lies around the patient (couch, blankets, wires) and write air
            in its place.
        workers: Processes, each with a case of its own; 0 = one for each core.
        scheduler, plan, tasks, task, retry, verify_done, overwrite: See core.shared_arguments.
        paths: Show folder and file names, series description and date of each series, and the names
            of refused files. They can identify a patient, and are not written to OUT.
        names: In Python only: names of masks to case ids, where IN was renamed since the masks were
            named.
        original: In Python only: the tree that IN was de-identified from. Its files are accounted
            for, and its PatientIDs decide the order of the split.

    Returns:
        The cohort and what was refused; of a plan or a task, counts.

    Raises:
        UsageError: an input does not exist, an option is wrong, or OUT has other content.
        NothingUsable: no series could be used.
        OutputFailed: OUT cannot be written.
    """
    call = locals()
    from pleura.preparing.batch import SplitOptions, prepare_cases
    from pleura.preparing.recipe import CaseRecipe, plan_cases
    from pleura.store.call import Call
    from pleura.store.input_names import input_names
    from pleura.store.job_array import Part
    from pleura.store.split_rules import read_rule
    from pleura.store.spread import How

    part = Part.of(Call.of(prepare, call))
    source, out = part.shared(source, out)
    masks = None if masks is None else part.shared(masks)[0]
    parts = SplitOptions.of(split, seed, original)
    read = (source, masks, None if original is None else original.walk.root)
    rule = read_rule(split).text
    options = {"split": rule, "seed": seed, "export": export, "gaps": gaps, "couch": couch}
    load = partial(plan_cases, source, masks, gaps, names, original, progress)
    with part.open_run(
        out,
        verb="prepare",
        sources=[place for place in read if place is not None],
        options=options,
        overwrite=overwrite,
        check=verify_done,
    ) as run:
        if original is not None:
            run.faults_before = original.faults_before
        if not run.done:
            recipe = CaseRecipe(out, export, couch == "remove")
            how = How(workers, scheduler=scheduler)
            share = prepare_cases(run, part, recipe, load, how, parts, progress)
            if share is not None:
                return share
        result = _result(out, run.record)
    if not paths:
        return result
    return replace(result, names=input_names(source, gaps, load().unmatched_masks))


def _result(out: Path, record: Mapping[str, Any]) -> PrepareResult:
    return PrepareResult(
        out,
        read_json(out / COHORT),
        read_json(out / SPLIT),
        tuple(record["refused"]),
        tuple(record["gone"]),
        record.get("input"),
    )
