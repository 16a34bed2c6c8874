"""`pleura deidentify`: copies of DICOM files without the patients' identity, each one verified."""

from pathlib import Path
from typing import Literal

from pleura.core.errors import UsageError
from pleura.core.progress import Progress, silent
from pleura.core.shared_arguments import shared_arguments
from pleura.publishing.result import DeidentifyResult
from pleura.store.call import Call
from pleura.store.part_results import PlanResult, ShareResult
from pleura.store.places import check_apart, check_beside
from pleura.store.remote import over_object_stores


@over_object_stores(has_tasks=False, folders=("key", "map", "audit", "certificate"))
@shared_arguments
def deidentify(
    source: Path,
    out: Path,
    *,
    profile: Literal["basic", "report"] = "basic",
    dates: Literal["remove", "shift", "keep"] = "remove",
    retain: tuple[str, ...] = (),
    key: Path | None = None,
    map: Path | None = None,
    audit: Path | None = None,
    certificate: Path | None = None,
    dry_run: bool = False,
    blank: tuple[str, ...] = (),
    crop_above_apex: float | None = None,
    workers: int = 0,
    plan: bool = False,
    tasks: int = 0,
    task: str = "",
    retry: str = "",
    verify_done: Literal["size", "hash"] = "size",
    overwrite: bool = False,
    paths: bool = False,
    progress: Progress = silent,
) -> DeidentifyResult | PlanResult | ShareResult:
    """Copy DICOM files without the patients' identity.

    Every DICOM object in IN (found by content) is written to a folder for each case, with pixels
    unchanged; IN is never written to. Each file is verified before it is published;
    OUT.certificate.html says what was done. Faces are not removed from the pixels.

    Args:
        source: Folder of DICOM files, an archive (zip, tar), a DICOMDIR, or one file.
        out: Folder to write to; created if it does not exist.
        profile: What is changed: basic (PS3.15 Basic Profile, and every attribute that it does not
            list), or report (PatientName and PatientID become the case id, PatientBirthDate is
            emptied, PatientBirthTime removed; nothing else).
        dates: remove them, shift them by whole days of each patient (intervals and times of day
            stay), or keep them.
        retain: Keep what the Standard's option of that name keeps: device, institution, patient,
            uids, private, descriptors, graphics; repeatable.
        key: File of 64 hex digits that decides new UIDs and shifts; created where it is absent.
            Default OUT.key beside OUT.
        map: Re-identification map (case id to patient), readable by its owner only; shared by the
            runs that name it. Default OUT.map.json beside OUT; has to be named where OUT is s3://.
        audit: File with counts of what was done, without values. Default OUT.audit.json beside OUT.
        certificate: Certificate of what was done, written as FILE.html and FILE.json, without
            values. Default OUT.certificate beside OUT.
        dry_run: Show what would be done to which attributes, without values; write nothing.
        blank: Overwrite a rectangle of every image, X0,Y0,X1,Y1 in pixels, end-exclusive;
            repeatable.
        crop_above_apex: Leave out slices of CT more than so many mm above the lung apex
            (cranially); CT in which no apex is found is refused.
        workers: Processes; 0 = one for each core.
        plan: Only plan the work for many tasks (a job array) in OUT/jobs.json, make the key and the
            map, and print the lines that start the tasks; the same command without --plan collects
            their results. Every task reads the headers of IN itself.
        tasks: With --plan, how many tasks; 0 = one for every 20 folders of OUT, 1000 at most.
        task: See core.shared_arguments.
        retry: Do the folders again that failed with this code, which pleura status OUT lists.
        verify_done: How finished files are checked before they are kept: size, or hash (reads every
            file).
        overwrite: Empty OUT first; refused where pleura did not write OUT.
        paths: Show the names of refused files. They can identify patients.

    Returns:
        What was written and what was refused, as counts; of a plan or a task, counts.

    Raises:
        UsageError: the input does not exist, an option is wrong, the key or map file is invalid, or
            OUT holds something else.
        NothingUsable: no DICOM objects in IN.
        OutputFailed: OUT cannot be written.
    """
    call = Call.of(deidentify, locals())
    from pleura.publishing.batch import Publication
    from pleura.publishing.options import check_crop, choices_of, places_of, recorded
    from pleura.store.job_array import Part

    part = Part.of(call)
    if (plan or task) and crop_above_apex is not None:
        raise UsageError(
            "deidentify: --plan and --task do not work with --crop-above-apex: every task would "
            "look for the apex in all of IN; run it as one command"
        )
    choices = choices_of(profile, dates, retain, blank)
    check_crop(profile, crop_above_apex)
    named = {"key": key, "map": map, "audit": audit, "certificate": certificate}
    places = places_of(out, **named)
    if not source.exists():
        raise UsageError("deidentify: IN does not exist; check the path")
    check_apart(out, [source])
    check_beside(places.as_dict(), source, out, named)
    publication = Publication.open(
        source, out, choices, places, crop_above_apex, workers=workers, progress=progress
    )
    if dry_run:
        return publication.show()
    options = {**recorded(choices, publication.secret), "crop_above_apex_mm": crop_above_apex}
    with part.open_run(
        out,
        verb="deidentify",
        sources=[source],
        options=options,
        overwrite=overwrite,
        check=verify_done,
    ) as run:
        if run.done:
            return publication.recorded(run)
        return publication.write(run, options, part, with_names=paths)
