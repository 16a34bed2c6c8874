"""`pleura measure`: volumes and densities of lungs from CT and any tool's masks."""

from functools import partial
from pathlib import Path

from pleura.core.errors import UsageError
from pleura.core.progress import Progress, silent
from pleura.core.shared_arguments import shared_arguments
from pleura.segmenting.measure_result import MeasureResult
from pleura.store.part_results import PlanResult, ShareResult
from pleura.store.remote import over_object_stores


@over_object_stores(collects_without_input=True)
@shared_arguments
def measure(
    source: Path,
    masks: Path,
    out: Path,
    *,
    mapping: str = "auto",
    sr: bool = False,
    dense: bool = False,
    patients: Path | None = None,
    workers: int = 1,
    scheduler: str = "",
    plan: bool = False,
    tasks: int = 0,
    task: str = "",
    retry: str = "",
    overwrite: bool = False,
    progress: Progress = silent,
) -> MeasureResult | PlanResult | ShareResult:
    """Measure lungs on CT: volume, mass, density, thirds and halves.

    Writes OUT/lungs.csv, OUT/lungs.json, OUT/index.html and a picture of each case.
    docs/measurements.md defines each number.

    Args:
        source: CT: a folder of DICOM files, or a cohort that prepare wrote.
        masks: One mask file for one CT, or a folder of masks by case, of any format that pleura
            reads.
        out: Folder to write to; created if it does not exist.
        mapping: Meaning of the labels of label maps: lungs (1 right, 2 left), lungmask,
            lungmask-lobes, totalsegmentator, totalsegmentator-v1, nnunet (the names in
            dataset.json), labels by side as right=3+4+5,left=1+2 or either=1, or a file of names
            (dataset.json, labels.txt of ITK-SNAP, .ctbl of 3D Slicer). auto = such a file beside
            the masks, dataset.json above them too, else lungs.
        sr: Also write the measurements as OUT/ID/measurements.sr.dcm, a DICOM structured report,
            and the mask as OUT/ID/lungs.seg.dcm, to which it refers; from DICOM series.
        dense: Also write OUT/ID/dense.nii.gz, in which the dense part of each lung (without air and
            thicker than vessels, as in consolidation) is a label of its own (3 right, 4 left),
            its outline in planes.png, and its volume in lungs.csv.
        patients: CSV file with the columns case and site (case = its id). lungs.csv names the site,
            and the page over more than 100 cases has a row for each.
        workers: Processes, each with a case of its own; 0 = one for each core.
        scheduler, plan, tasks, task, retry, overwrite: See core.shared_arguments.

    Returns:
        The measures of each case; of a plan or a task, counts.

    Raises:
        UsageError: an input does not exist, there is no such mapping, one mask is given for several
            CT, or --sr for CT that is not DICOM.
        NothingUsable: the input has no CT series.
        OutputFailed: OUT cannot be written.
    """
    call = locals()
    from pleura.labels.mappings import naming_of
    from pleura.segmenting.cases import CaseWork, do_cases
    from pleura.segmenting.measure_batch import finish_measures, masked_jobs
    from pleura.segmenting.measuring import MaskedJob, MeasureRecipe, refused_masked
    from pleura.segmenting.sites import Sites
    from pleura.store.call import Call
    from pleura.store.job_array import Part
    from pleura.store.job_files import JobFormat
    from pleura.store.spread import How

    part = Part.of(Call.of(measure, call))
    source, masks, out = part.shared(source, masks, out)
    for path, name in ((source, "CT"), (masks, "MASKS")):
        if not path.exists():
            raise UsageError(f"measure: {name} does not exist; check the path")
    naming = naming_of(mapping, masks if masks.is_dir() else masks.parent)
    sites = Sites.read(patients)
    sources = [source, masks, *sites.inputs]
    options = {"sr": sr, "dense": dense, "labels": naming.as_json()}
    with part.open_run(
        out, verb="measure", sources=sources, options=options, overwrite=overwrite
    ) as run:
        if not run.done:
            load = partial(masked_jobs, source, masks, sr, progress, sites)
            recipe, form = MeasureRecipe(out, naming, sr, dense), JobFormat((MaskedJob,))
            end = partial(finish_measures, sites=sites)
            work = CaseWork(recipe, load, refused_masked, end, form)
            share = do_cases(run, part, work, How(workers, scheduler=scheduler), progress)
            if share is not None:
                return share
        record = run.record
        return MeasureResult(
            out, tuple(record["cases"]), tuple(record["gone"]), record.get("input")
        )
