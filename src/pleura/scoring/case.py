"""Score one case in a worker process: read mask and reference, score them, write the scores."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.atomic import sha256_file, write_json
from pleura.core.codes import finding
from pleura.core.errors import GridMismatch, InputRefused
from pleura.core.findings import Finding
from pleura.geometry.resample import resample_mask
from pleura.geometry.volume import LungMask, Volume
from pleura.images.reading import check_oriented
from pleura.labels.lattice import mismatch
from pleura.labels.mappings import Naming
from pleura.labels.pair import REFERENCE, Judged, read_pair
from pleura.labels.registry import files_of_mask, read_judged, read_mask
from pleura.metrics.case import is_one_lung_alone, score_case, score_raw
from pleura.metrics.policy import Policy
from pleura.scoring.ct import Ct, places_of
from pleura.scoring.pairing import Reference
from pleura.store.case import Case
from pleura.store.fingerprints import fingerprint
from pleura.store.items import Done
from pleura.store.layout import MASK, RAW
from pleura.store.views import picture_case

OWN_MASKS = ("lungs.", "lungs_seg.")
"""Masks of `segment` start with one of these; `raw.npz` beside them is the mask before cleaning."""


CT = "CT: "
"""Begins messages about the CT of a case."""


@dataclass(frozen=True)
class Job:
    """A case to score: its mask against its reference."""

    id: str
    mask: Path
    reference: Reference

    @property
    def input(self) -> str:
        """A digest of the files of mask, reference and CT, and of the facts about the case."""
        about = self.reference.about
        files = [*self.files, *self.reference.files]
        facts: list[Any] = [self.reference.part]
        if about is not None:
            files += [] if about.ct is None else about.ct.files
            facts += [
                about.grid.as_json(),
                about.scan and (about.scan.frame_uid, about.scan.series_uid),
            ]
        return str(fingerprint([path for path in files if path.exists()], facts)["sha256"])

    @property
    def files(self) -> list[Path]:
        """The files of the mask, and of the mask before cleaning beside it."""
        return [*files_of_mask(self.mask), self.mask.with_name(RAW)]


@dataclass(frozen=True)
class Scoring:
    """How to score; `folder` gets `CASE.json` (scores) and `CASE.npz` (slices of pictures)."""

    folder: Path
    policy: Policy
    resample: bool
    namings: tuple[Naming, Naming]
    mapping_options: tuple[str, str]
    """Options that say what labels mean, for the mask and for the reference."""

    def open(self) -> Callable[[Job], Done]:
        """The function that scores one case and writes its files."""
        return partial(_score, self)


def record_path(folder: Path, case: str) -> Path:
    """Where the scores of a case are."""
    return folder / f"{case}.json"


def refused_record(job: Job, refusal: Finding) -> dict[str, str]:
    """The record of a case without scores."""
    return {"case": job.id, "refused": refusal.message, "code": refusal.code}


def _score(how: Scoring, job: Job) -> Done:
    try:
        record, pictures = _record(how, job)
    except InputRefused as error:
        if error.code == "MASK-LABELS":
            option = how.mapping_options[str(error).startswith(REFERENCE)]
            raise InputRefused(
                f"{error}; specify the label mapping with {option}", code=error.code
            ) from error
        raise
    pictures.write(how.folder / f"{job.id}.npz")
    write_json(record_path(how.folder, job.id), record)
    files = tuple(f"{how.folder.name}/{job.id}{suffix}" for suffix in (".json", ".npz"))
    return Done({"case": job.id, "refused": "", "code": ""}, files)


def _record(how: Scoring, job: Job) -> tuple[dict[str, Any], Any]:
    image = _read_image(job)
    (mask, found), (reference, found_reference) = _read_both(how, job, image)
    findings = [
        *found,
        *(replace(one, message=f"{REFERENCE}{one.message}") for one in found_reference),
    ]
    mask, more = _comparable(mask, reference, job, resample=how.resample)
    findings += more
    volume, ct_findings = image or _read_ct(job, reference)
    if volume is not None and not volume.grid.same_as(reference.grid, tolerance_mm=0.01):
        volume, ct_findings = None, ()
    where = {} if volume is None else places_of(_ct_of(job), volume)
    scores = score_case(mask, reference, how.policy, places=where)
    raw_mask = _raw_mask(job, reference)
    raw = None if raw_mask is None else score_raw(raw_mask, reference, how.policy, places=where)
    tables = scores.pop("per_slice")
    if raw:
        tables = tables + raw.pop("per_slice")
    pictures = picture_case(volume, mask, reference, raw_mask, tables)
    head = {
        "case": job.id,
        "split": job.reference.part,
        "grid": _grid(reference),
        "findings": [one.as_json() for one in findings] + scores.pop("findings"),
        "has_ct": volume is not None,
        "ct_findings": [one.as_json() for one in ct_findings],
        "inputs": {"mask": digest(job.mask), "reference": digest(job.reference.path)},
        "raw": raw,
    }
    return {"case": head | scores, "per_slice": tables}, pictures


_Read = tuple[Volume, tuple[Finding, ...]]
"""A CT and its findings."""


def _read_image(job: Job) -> _Read | None:
    """The CT in an image file beside the masks; `None` where there is none, or none to use.

    It was found by its name, so a file that is not CT does not stand against scoring.
    """
    if job.reference.image is None:
        return None
    try:
        return job.reference.image.read()
    except InputRefused:
        return None


def _ct_of(job: Job) -> Ct | None:
    about = job.reference.about
    return job.reference.image if about is None else about.ct


def _read_both(how: Scoring, job: Job, image: _Read | None) -> tuple[Judged, Judged]:
    about = job.reference.about
    grid, scan = (None, None) if about is None else (about.grid, about.scan)
    if not job.reference.in_cohort:
        try:
            return read_pair(job.mask, job.reference.path, grid, scan, how.namings)
        except GridMismatch as error:
            if image is None or error.code != "NEEDS-GRID":
                raise
            return read_pair(job.mask, job.reference.path, image[0].grid, scan, how.namings)
    reference = Case.open(job.reference.path).mask()
    return read_judged(job.mask, reference.grid, scan, how.namings[0]), (reference, ())


def _comparable(
    mask: LungMask, reference: LungMask, job: Job, *, resample: bool
) -> tuple[LungMask, list[Finding]]:
    """The mask on the reference's grid, and findings about what was done for that.

    Raises:
        GridMismatch: the grids differ and `resample` is not set.
        UnreadableFile: they differ, and a file does not say where its voxels lie in the patient.
    """
    findings = []
    if not mask.grid.same_as(reference.grid):
        if not resample:
            raise mismatch(mask.grid, reference.grid, other="reference")
        check_oriented(job.mask)
        if not job.reference.in_cohort:
            check_oriented(job.reference.path)
        findings.append(finding("MASK-RESAMPLED", found=mask.grid.in_words()))
        mask = resample_mask(mask, reference.grid)
    if is_one_lung_alone(mask, reference):
        mask = LungMask(mask.labels, mask.grid)
        if mask.labels.any():  # an empty mask has no label to explain
            findings.append(finding("LABEL-ONE-ALONE"))
    return mask, findings


def _read_ct(job: Job, reference: LungMask) -> tuple[Volume | None, tuple[Finding, ...]]:
    """The CT of a case and its findings; `None` where there is none, or it is on another grid.

    Raises:
        InputRefused: it cannot be read.
    """
    about = job.reference.about
    if (
        about is None
        or about.ct is None
        or not about.grid.same_as(reference.grid, tolerance_mm=0.01)
    ):
        return None, ()
    try:
        return about.ct.read()
    except InputRefused as error:
        error.args = (f"{CT}{error}",)
        raise


def _raw_mask(job: Job, reference: LungMask) -> NDArray[np.bool_] | None:
    """The mask before cleaning, where it was kept and lies on the reference's grid."""
    path = job.mask.with_name(RAW)
    if not job.mask.name.startswith(OWN_MASKS) or not path.is_file():
        return None
    try:
        return read_mask(path, reference.grid).lungs
    except GridMismatch:
        return None


def digest(path: Path) -> str:
    """SHA-256 of a mask's bytes; of a folder, over the digests of its files by name."""
    if path.is_file():
        return sha256_file(path)
    import hashlib

    total = hashlib.sha256()
    for file in sorted(path.glob(MASK)) or sorted(
        file for file in path.iterdir() if file.is_file()
    ):
        total.update(sha256_file(file).encode())
    return total.hexdigest()


def _grid(mask: LungMask) -> dict[str, Any]:
    return {
        "shape": list(mask.grid.shape),
        "spacing_mm": [round(mm, 6) for mm in mask.grid.spacing_mm],
    }
