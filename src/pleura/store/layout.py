"""The name of every file and folder in an output folder, and of the files beside it."""

import re
from collections.abc import Iterable
from pathlib import Path

from pleura.core.atomic import BOOKKEEPING as BOOKKEEPING

# every OUT
RUN = "run.json"
"""What was asked for, and the result of each case."""
LOCK = "lock"
ITEMS = "items"
INPUT = "input.json"
SECONDS = "seconds.json"

# a job array
JOBS = "jobs.json"
"""The plan: every case with its files and input; removed when the run is done."""
JOB_BODIES = "jobs"
CLAIMS = "claims"
FAILED = "failed"
FAILURES = "failures.jsonl"
"""One line for each failed case, with host and seconds; bookkeeping, not a result."""

# segment
LUNGS = "lungs"
LUNGS_NIFTI = "lungs.nii.gz"
BOTH_LUNGS = "lungs_seg.npz"
RAW = "raw.npz"
SR = "measurements.sr.dcm"
"""The report of `segment --sr` and `measure --sr`."""
CT_NIFTI = "ct.nii.gz"
DENSE_NIFTI = "dense.nii.gz"
"""Lungs with their dense parts as labels of their own, of `--dense`."""
LUNGS_CSV = "lungs.csv"
LUNGS_JSON = "lungs.json"
INDEX = "index.html"
MASK_SUFFIX = {
    "nifti": ".nii.gz",
    "nrrd": ".nrrd",
    "npz": ".npz",
    "seg": ".seg.dcm",
    "rtstruct": ".rtstruct.dcm",
}
"""Suffix of the mask for each value of `segment --format`."""

# couch
COUCH_VOLUME = "volume.nii.gz"
COUCH_LABELS = "couch.nii.gz"

# prepare: a cohort, and each case in it
COHORT = "cohort.json"
SPLIT = "split.json"
CASES = "cases"
EXPORT = "export"
CASE = "case.json"
VOLUME = "volume.npy"
PADDING = "padding.npy"
MASK = "mask.npy"
REMOVED_COUCH = "removed_couch.npy"
"""Voxels that `prepare --couch remove` replaced by air, one bit for each."""
PLANES = "planes.png"

# train: a folder for each loss
MODEL = "model.onnx"
CARD = "model.json"
ARCHITECTURE = "architecture.json"
HISTORY = "history.jsonl"
BEST = "best"
LAST = "last"
FINE_TUNED = "fine_tuned"
"""The folder of the model that `train --preset fine-tune` makes."""

# evaluate
SCORES = "scores.json"
SCORES_CSV = "scores.csv"
SLICES_CSV = "slices.csv"
AGAINST = "against"

# report
PAGE = "report.html"
FIGURES = "figures"

# run: a folder for each stage
DEIDENTIFIED_STAGE = "deidentified"
COHORT_STAGE = "cohort"
MODELS_STAGE = "runs"
MASKS_STAGE = "masks"
RESULTS_STAGE = "results"

# study
READY_SLICES = "slices"
STUDY_RUNS = "runs"
STUDY = "study.json"
STUDY_CSV = "study.csv"
STUDY_PAGE = "study.html"

BESIDE = {
    "map": "map.json",
    "audit": "audit.json",
    "key": "key",
    "certificate": "certificate",
}
"""Files that de-identification writes beside OUT, such as `OUT.map.json`."""

CASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""Form of every id that pleura gives: `Case_000`, `Case_000_2`, `CT-1a2b3c4d`."""


PRIMARY = ("bce_dice", "dice", "bce", "lungs", "classical")
"""Models by how they begin, the one that stands for a run first: the student report's proposal."""


def primary_model(models: Iterable[str]) -> str | None:
    """The model that stands for several: by `PRIMARY`, then by name; `None` of none."""
    known = [name for name in models if name.split("-", 1)[0] in PRIMARY]
    order = [(PRIMARY.index(name.split("-", 1)[0]), name) for name in known]
    return min(order)[1] if order else None


def main_mask(format: str) -> str:
    """The name of the mask that `segment --format` writes."""
    return BOTH_LUNGS if format == "npz" else LUNGS + MASK_SUFFIX[format]


def beside(out: Path, ending: str) -> Path:
    """`OUT.ending`, next to OUT."""
    resolved = out.resolve()
    return resolved.with_name(f"{resolved.name}.{ending}")


def is_case_id(value: object) -> bool:
    """Whether a value from a file has the form of an id; nothing else may become part of a path."""
    return isinstance(value, str) and CASE_ID.fullmatch(value) is not None


def is_inside(name: object) -> bool:
    """Whether a relative name from a file stays below its folder on every system."""
    if not isinstance(name, str) or not name or "\\" in name or ":" in name or "\0" in name:
        return False
    return not name.startswith("/") and ".." not in name.split("/")
