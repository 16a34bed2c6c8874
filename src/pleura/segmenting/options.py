"""The options of `segment`, checked before any work."""

from pathlib import Path

from pleura.core.errors import UsageError
from pleura.dicom.gaps import Gaps
from pleura.segmenting.recipe import is_trained, is_unet
from pleura.store.jobs import is_cohort

FOR_DICOM = ("seg", "rtstruct")
"""Formats that reference the DICOM files of the series."""


def check_options(
    source: Path,
    model: Path | None,
    format: str,
    threshold: float | None,
    gaps: Gaps,
    device: str,
    sr: bool,
) -> None:
    """Refuse options that contradict each other or the input, before any work."""
    trained = is_trained(model)
    if model is not None and trained and not model.is_dir():
        raise UsageError(
            "segment: --model is not a folder; give the run folder that train wrote (with "
            "model.onnx or lungs.onnx)"
        )
    if not is_unet(model) and (threshold is not None or device != "cpu"):
        raise UsageError(
            "segment: --threshold and --device are for a U-Net that train wrote; give its folder "
            "with --model"
        )
    if sr and format != "seg":
        raise UsageError(
            "segment: the report of --sr refers to a DICOM segmentation; add --format seg"
        )
    if not source.exists():
        raise UsageError("segment: IN does not exist; check the path")
    if not is_cohort(source):
        return
    if format in FOR_DICOM:
        raise UsageError(
            f"segment: --format {format} refers to DICOM files; give the folder of CT series, not "
            "a cohort"
        )
    if gaps != "refuse":
        raise UsageError("segment: --gaps is for DICOM series; give it to prepare for a cohort")
