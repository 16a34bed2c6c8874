"""The report's experiment in its own terms: dictionaries of arrays, slices, a U-Net, a trainer.

    from pleura.student import load_dicom, load_patient_segmentations, DICOMSliceDataset
    from pleura.student import UNet, CombinedLoss, ModelTrainer, evaluate_slices

Needs the extra `train`. Every name is a thin cover of what the verbs use: what `scan` refuses
is not loaded here either. `import pleura` does not load this module.
"""

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pleura.core.errors import InputRefused, NothingUsable
from pleura.learn.student import CombinedLoss as CombinedLoss
from pleura.learn.student import DICOMSliceDataset as DICOMSliceDataset
from pleura.learn.student import ModelTrainer as ModelTrainer
from pleura.learn.student import SliceScore as SliceScore
from pleura.learn.student import UNet as UNet
from pleura.learn.student import evaluate_slices as evaluate_slices
from pleura.verbs.load import load


def load_dicom(folder: Path | str) -> dict[str, NDArray[np.int16]]:
    """Read every usable CT series of a folder.

    Args:
        folder: CT series as `pleura.load` takes them: the coursework's layout, LCTSC as delivered,
            or a cohort.

    Returns:
        Case id to HU, int16 `(slices, rows, columns)`, padding as air. A series that cannot be used
        is not in it, and a warning names its id and the reason.

    Raises:
        NothingUsable: no series can be used.
    """
    volumes = load(folder)
    for case, why in volumes.refused.items():
        warnings.warn(f"{case}: {why}", stacklevel=2)
    return {case: volumes[case].filled() for case in volumes}


def load_patient_segmentations(folder: Path | str) -> dict[str, NDArray[np.uint8]]:
    """Read the lung mask of every case of a folder that has one.

    Args:
        folder: as for `load_dicom`; masks are found as `pleura prepare` finds them (files by case,
            RTSTRUCT, SEG).

    Returns:
        Case id to mask, uint8 of the volume's shape: 1 right lung, 2 left, or 1 for both where the
        mask has no sides. A mask that cannot be used is not in it, and a warning says why.

    Raises:
        NothingUsable: no case has a usable mask.
    """
    from pleura.labels.references import cases_of, find_references
    from pleura.store.volume_files import series_in

    source = Path(folder)
    volumes = load(source)
    seen = series_in(source)
    usable, _ = cases_of([one for one in seen if one.is_ct])
    references = find_references(seen, usable, source, None)
    for line in references.unmatched:
        warnings.warn(line, stacklevel=2)
    masks: dict[str, NDArray[np.uint8]] = {}
    for series in usable:
        try:
            mask, _ = references.of(series).read(volumes[series.id], series)
        except InputRefused as error:
            warnings.warn(f"{series.id}: {error}", stacklevel=2)
            continue
        if mask is not None:
            masks[series.id] = mask.labels
    if not masks:
        raise NothingUsable("no case has a lung mask that can be used; see pleura prepare")
    return masks
