"""Scores of the shipped network on real chests that it never saw, at full resolution, beside
thresholds.

    python bench/accuracy.py DATA FOLDS > docs/accuracy-table.md

DATA is the laid-out real data (`chests`, `chests2`). FOLDS holds `lungs.json` and, for each
patient, PATIENT.onnx: the network trained without that patient. Doubtful voxels of a reference
count as right in every mask. Prints a Markdown table.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pleura.dicom.series import find_series
from pleura.geometry.volume import LEFT, RIGHT, LungMask
from pleura.labels.registry import read_mask
from pleura.metrics.distance import area_distances
from pleura.quality.gate import gate
from pleura.segmenters.classical import Classical
from pleura.segmenters.protocol import Segmenter
from pleura.segmenters.shipped import CARD, ShippedNetwork

PATIENTS = {
    "chests/Images/Case_000": "LIDC-IDRI-1011",
    "chests/Images/Case_001": "LIDC-IDRI-0001",
    "chests/Images/Case_002": "LIDC-IDRI-0003",
    "chests/Images/Case_003": "A0001",
    "chests2/4DLung_113": "113_HM10395",
    "chests2/C3N-00247": "C3N-00247",
}
"""Series to patient; the patient names the fold whose network never saw it."""
HEAD = (
    "| case | method | lung | Dice | mean surface distance [mm] | HD95 [mm] | hallucinated "
    "slices | verdict |"
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("folds", type=Path)
    given = parser.parse_args()
    print(HEAD)
    print("|" + "---|" * HEAD.count("| "))
    rows = []
    for place, patient in PATIENTS.items():
        for row in case_rows(given.data / place, given.folds, patient):
            rows.append(row)
            print("| {} | {} | {} | {:.4f} | {:.2f} | {:.2f} | {} | {} |".format(*row), flush=True)
    for method in dict.fromkeys(row[1] for row in rows):
        dice, surface, far = (
            np.array([row[k] for row in rows if row[1] == method], dtype=float) for k in (3, 4, 5)
        )
        print(
            f"| **all** | {method} | mean (worst) | {dice.mean():.4f} ({dice.min():.4f}) | "
            f"{surface.mean():.2f} ({surface.max():.2f}) | {far.mean():.2f} ({far.max():.2f}) | | "
            "|"
        )


def case_rows(series: Path, folds: Path, patient: str) -> Iterator[tuple[object, ...]]:
    """The rows of one case: each method, each lung."""
    judged = gate(find_series(series)[0].read(), detail="full").require_usable()
    volume = judged.volume
    labels = (
        series.parent.parent / "Labels"
        if series.parent.name == "Images"
        else series.parent / "Labels"
    )
    reference = read_mask(labels / f"{series.name}.nii.gz", volume.grid)
    place = labels / f"{series.name}_doubtful.nii.gz"
    doubtful = (
        read_mask(place, volume.grid).labels > 0
        if place.exists()
        else np.zeros(volume.hu.shape, np.bool_)
    )
    methods: dict[str, Segmenter] = {
        "network": fold_network(folds, patient),
        "thresholds": Classical(),
    }
    for name, method in methods.items():
        found = method(volume, anatomy=judged.anatomy)
        findings = (*found.findings, *judged.with_lungs(found.mask).findings)
        verdict = max((finding.verdict for finding in findings), default=0)
        for side, label in (("right", RIGHT), ("left", LEFT)):
            yield (
                series.name,
                name,
                side,
                *scored(found.mask, reference, doubtful, label),
                verdict.word if verdict else "ok",
            )


def fold_network(folds: Path, patient: str) -> ShippedNetwork:
    """The network that was trained without a patient."""
    return ShippedNetwork(
        json.loads((folds / CARD).read_text()), (folds / f"{patient}.onnx").read_bytes()
    )


def scored(
    mask: LungMask, reference: LungMask, doubtful: NDArray[np.bool_], label: int
) -> tuple[float, float, float, int]:
    """Dice, mean surface distance, HD95 and hallucinated slices of one lung; doubtful voxels
    count as right.
    """
    wanted = reference.labels == label
    got = np.where(doubtful, wanted, mask.labels == label)
    overlap = (
        2 * np.count_nonzero(got & wanted) / (np.count_nonzero(got) + np.count_nonzero(wanted))
    )
    distances = area_distances(got, wanted, reference.grid)
    hallucinated = got.any(axis=(1, 2)) & ~wanted.any(axis=(1, 2))
    return overlap, distances["msd_mm"], distances["hd95_mm"], int(np.count_nonzero(hallucinated))


if __name__ == "__main__":
    main()
