"""`pleura segment`: a lung mask with a verdict for each CT series or case of a cohort."""

from functools import partial
from pathlib import Path
from typing import Literal

from pleura.core.progress import Progress, silent
from pleura.core.shared_arguments import shared_arguments
from pleura.segmenting.result import SegmentResult
from pleura.store.part_results import PlanResult, ShareResult
from pleura.store.remote import over_object_stores


@over_object_stores(collects_without_input=True)
@shared_arguments
def segment(
    source: Path,
    out: Path,
    *,
    model: Path | None = None,
    format: Literal["nifti", "nrrd", "npz", "seg", "rtstruct"] = "nifti",
    threshold: float | None = None,
    gaps: Literal["refuse", "interpolate", "split"] = "refuse",
    export_ct: bool = False,
    sr: bool = False,
    dense: bool = False,
    patients: Path | None = None,
    device: Literal["cpu", "cuda"] = "cpu",
    workers: int = 1,
    scheduler: str = "",
    plan: bool = False,
    tasks: int = 0,
    task: str = "",
    retry: str = "",
    verify_done: Literal["size", "hash"] = "size",
    overwrite: bool = False,
    paths: bool = False,
    progress: Progress = silent,
) -> SegmentResult | PlanResult | ShareResult:
    """Find the lungs in every CT series of a folder.

    Each series or case gets a folder OUT/ID: lungs.nii.gz (1 the patient's right lung, 2 the left,
    on the grid of the source), planes.png (five planes with outlines), lungs_seg.npz (both as 1,
    key masks) and raw.npz (the output of the network or the threshold before cleaning). A case
    without lungs gets no mask but a reason. OUT/index.html shows all cases; OUT/lungs.csv and
    OUT/lungs.json have their volumes and densities; OUT/run.json lists all. The same command again
    finishes an interrupted run and does what is new in IN.

    Args:
        source: Folder of DICOM files, or a cohort that prepare wrote.
        out: Folder to write to; created if it does not exist.
        model: classical (thresholds and components), or the run folder of a model that train wrote
            (model.onnx, or lungs.onnx of --preset fine-tune); by default the network that comes
            with pleura.
        format: Format of the sided mask: nifti (lungs.nii.gz), nrrd (lungs.nrrd), npz
            (lungs_seg.npz alone), or, from DICOM series, seg (lungs.seg.dcm, a DICOM segmentation)
            or rtstruct (lungs.rtstruct.dcm, a structure set).
        threshold: Probability from which the model's answer counts as lung; by default the model's
            own.
        gaps: What becomes of a series with lost slices: refuse, interpolate (fill them from their
            neighbours; SEG and structure sets leave them out), or split (a mask for each run of
            slices).
        export_ct: Also write the CT as OUT/ID/ct.nii.gz, in HU, on the grid of the mask.
        sr: Also write the measurements as OUT/ID/measurements.sr.dcm, a DICOM structured report
            that refers to the segmentation; with --format seg.
        dense: Also write OUT/ID/dense.nii.gz, in which the dense part of each lung (without air and
            thicker than vessels, as in consolidation) is a label of its own (3 right, 4 left),
            its outline in planes.png, and its volume in lungs.csv.
        patients: CSV file with the columns case and site (case = its id). lungs.csv names the site,
            and the page over more than 100 cases has a row for each.
        device: Where the model runs: cpu or cuda.
        workers: Processes, each with a case of its own, and 0.5 GB for one of 300 slices; 0 = one
            for each core.
        scheduler, plan, tasks, task, retry, verify_done, overwrite: See core.shared_arguments.
        paths: Show folder and file names, series description and date of each series, and the names
            of refused files. They can identify a patient, and are not written to OUT.

    Returns:
        Each case with verdict, reason and the path of its mask; of a plan or a task, counts.

    Raises:
        UsageError: the input or the model does not exist, or OUT has other content and `overwrite`
            is not set.
        NothingUsable: the input has no CT series.
        OutputFailed: OUT cannot be written.
    """
    call = locals()
    from pleura.segmenting.batch import finish, recipe_of, series_jobs
    from pleura.segmenting.cases import CaseWork, do_cases
    from pleura.segmenting.options import check_options
    from pleura.segmenting.recipe import is_trained, refused_record
    from pleura.segmenting.sites import Sites
    from pleura.store.call import Call
    from pleura.store.input_names import input_names
    from pleura.store.job_array import Part
    from pleura.store.jobs import is_cohort
    from pleura.store.spread import How

    part = Part.of(Call.of(segment, call))
    source, out = part.shared(source, out)
    if model is not None and model.exists():
        (model,) = part.shared(model)
    sites = Sites.read(patients)
    check_options(source, model, format, threshold, gaps, device, sr)
    recipe, options = recipe_of(out, format, model, device, threshold, export_ct, sr, dense)
    with part.open_run(
        out,
        verb="segment",
        sources=[source, *sites.inputs],
        options=options | {"gaps": gaps},
        also=[model] if model is not None and is_trained(model) else [],
        overwrite=overwrite,
        check=verify_done,
    ) as run:
        if not run.done:
            load = partial(series_jobs, source, gaps, format, progress, sites)
            work = CaseWork(recipe, load, refused_record, partial(finish, sites=sites))
            share = do_cases(run, part, work, How(workers, scheduler=scheduler), progress)
            if share is not None:
                return share
    names = input_names(source, gaps) if paths and not is_cohort(source) else None
    return SegmentResult.of(out, run.record, names)
