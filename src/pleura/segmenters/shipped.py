"""The shipped network: lungs and sides on a coarse lattice, and the rim settled on the CT."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy.airways import airways
from pleura.anatomy.anatomy import Anatomy
from pleura.core.codes import refused
from pleura.core.cores import threads as default_threads
from pleura.core.memory import give_back_freed_memory
from pleura.core.progress import Progress, silent
from pleura.geometry import hu as landmarks
from pleura.geometry.morphology import box_of, grown, thick
from pleura.geometry.patient_axes import Box, Floats, PatientAxes
from pleura.geometry.resample import Upright
from pleura.geometry.volume import AIR_HU, LEFT, RIGHT, LungMask, Volume
from pleura.segmenters.coarse_lungs import (
    STEEP,
    CoarseLungs,
    cleaned,
    enclosed,
    fat,
    fluid,
    margins,
    of_one_lung,
)
from pleura.segmenters.ends import trim_solid_ends
from pleura.segmenters.evidence import evidence_findings, gathered
from pleura.segmenters.protocol import Segmentation
from pleura.segmenters.runtime import Network, check_weights, open_network

FORMAT = "pleura-lungs/1"
WEIGHTS, CARD = "lungs.onnx", "lungs.json"
AROUND_PATIENT = 6
"""[voxels] The network sees the patient and so much around; the rest is air, which costs time."""
SURE = 4.0
"""Log odds from which a voxel is lung whatever its HU: vessels, nodules and consolidation."""
POSSIBLE = -2.0
"""Log odds from which an aerated voxel is lung."""


@dataclass(frozen=True)
class ShippedNetwork:
    """A 3-D network on a coarse lattice in patient axes, with its card.

    `threads` is the number of threads of one pass; 0 = automatic.
    """

    card: dict[str, Any]
    weights: bytes = field(repr=False)
    threads: int = 0

    @classmethod
    def open(cls, folder: Path | None = None, *, threads: int = 0) -> "ShippedNetwork":
        """Open the network of this package, or that of a folder with `lungs.onnx` and `lungs.json`.

        Raises:
            InputRefused: the weights are missing, changed, or reach outside their file.
        """
        place = files("pleura.segmenters").joinpath("weights") if folder is None else folder
        try:
            card = json.loads(place.joinpath(CARD).read_text(encoding="utf-8"))
            weights = place.joinpath(WEIGHTS).read_bytes()
        except (OSError, ValueError) as error:
            raise refused("WEIGHTS-UNREADABLE") from error
        if card.get("format") != FORMAT:
            raise refused("WEIGHTS-UNREADABLE")
        check_weights(weights, card["sha256"])
        return cls(card, weights, threads)

    @property
    def name(self) -> str:
        """`lungs`."""
        return "lungs"

    def describe(self) -> dict[str, Any]:
        """Name, hash of the weights, spacing of the lattice."""
        return {
            "name": self.name,
            "sha256": self.card["sha256"],
            "spacing_mm": self.card["spacing_mm"],
        }

    def __call__(
        self, volume: Volume, progress: Progress = silent, *, anatomy: Anatomy | None = None
    ) -> Segmentation:
        """Segment one volume; see `Segmenter`. `raw` is the network's result before cleaning."""
        steps = 4
        progress("segment", 0, steps)
        axes = PatientAxes.of(volume.grid, float(self.card["spacing_mm"]))
        coarse_hu = axes.coarse_hu(volume)
        progress("segment", 1, steps)
        body = enclosed(coarse_hu)
        margin, side = self._margins_in(coarse_hu, box_of(body, AROUND_PATIENT))
        margin[fluid(coarse_hu, margin)] = -STEEP
        progress("segment", 2, steps)
        overview = Volume(np.rint(coarse_hu).astype(np.int16), axes.grid)
        tube = grown(airways(overview, body))
        coarse = cleaned(margin, side, axes.spacing_mm, body & ~tube & ~fat(coarse_hu, margin))
        coarse = of_one_lung(coarse, coarse_hu, body, axes.spacing_mm, Upright.of(axes.grid))
        dense = thick((coarse.labels > 0) & (coarse_hu > landmarks.BODY))
        findings = evidence_findings(
            gathered(margin, coarse, coarse_hu, body & ~tube, axes.spacing_mm, volume.grid)
        )
        progress("segment", 3, steps)
        give_back_freed_memory()
        raw, labels = settle_rim(volume, axes, margin, coarse, dense, self._threads)
        trim_solid_ends(labels, volume)
        progress("segment", steps, steps)
        return Segmentation(
            raw,
            LungMask(labels, volume.grid),
            findings,
            (overview, LungMask(coarse.labels, axes.grid)),
        )

    def _margins_in(self, coarse_hu: Floats, box: Box | None) -> tuple[Floats, Floats]:
        """`margins` of a pass over a box; outside it there are no lungs."""
        margin = np.full(coarse_hu.shape, -STEEP, np.float32)
        side = np.zeros(coarse_hu.shape, np.float32)
        if box is not None:
            margin[box], side[box] = margins(self.logits(coarse_hu[box]))
        return margin, side

    def logits(self, coarse_hu: Floats) -> Floats:
        """One forward pass: HU on the coarse lattice to logits `(classes, slice, row, column)`."""
        multiple = int(self.card["multiple_of"])
        short = [-n % multiple for n in coarse_hu.shape]
        padded = np.pad(coarse_hu, [(0, n) for n in short], constant_values=AIR_HU)
        (logits,) = self._network({"ct": padded[None, None]})
        a, b, c = coarse_hu.shape
        return logits[0, :, :a, :b, :c]

    @cached_property
    def _network(self) -> Network:
        return open_network(self.weights, ["logits"], threads=self._threads)

    @property
    def _threads(self) -> int:
        return self.threads or default_threads()


def settle_rim(
    volume: Volume,
    axes: PatientAxes,
    margin: Floats,
    coarse: CoarseLungs,
    dense: NDArray[np.bool_],
    threads: int = 1,
) -> tuple[NDArray[np.bool_], NDArray[np.uint8]]:
    """Bring coarse lungs to the volume's voxels, and settle their rim on the CT.

    A voxel is lung where the network is sure, or where lung is possible and the CT is below
    half-way between lung and soft tissue. Dense lung has no such edge, so there the network's own
    boundary counts.

    Args:
        volume: the CT.
        axes: the coarse lattice over it.
        margin: the network's log odds of lung before cleaning.
        coarse: the cleaned lungs.
        dense: lung without air on the coarse lattice.
        threads: how many do the slices.

    Returns:
        The network's result before cleaning, bool, and the labels, uint8, both of the volume's
        shape.
    """
    raw = np.zeros(volume.hu.shape, dtype=np.bool_)
    labels = np.zeros(volume.hu.shape, dtype=np.uint8)
    box = axes.source_box((margin > POSSIBLE) | (coarse.labels > 0))
    if box is None:
        return raw, labels
    own = (
        np.where(grown(dense), coarse.margin + np.float32(SURE), coarse.margin)
        if dense.any()
        else coarse.margin
    )
    changed = own is not coarse.margin or coarse.removed_ml > 0 or coarse.added_ml > 0
    fields = [own, coarse.side, *([margin] if changed else [])]
    running = []
    # slices do not depend on one another, and NumPy does not hold the interpreter
    with ThreadPoolExecutor(threads) as pool:
        for part in _shares(box[0], threads):
            arguments = (volume, axes, fields, (part, *box[1:]), raw, labels)
            running.append(pool.submit(_settle_slices, *arguments))
    for one in running:
        one.result()
    return raw, labels


def _settle_slices(
    volume: Volume,
    axes: PatientAxes,
    fields: Sequence[Floats],
    box: Box,
    raw: NDArray[np.bool_],
    labels: NDArray[np.uint8],
) -> None:
    """Settle the rim on the slices of a box, in place.

    `fields` are log odds on the coarse lattice: of lung, of left, and, where cleaning changed the
    first, of lung before it.
    """
    planes = zip(*(axes.on_source(field, box) for field in fields), strict=True)
    for k, (sure, side, *before) in zip(range(box[0].start, box[0].stop), planes, strict=True):
        aerated = volume.hu[k][box[1:]] < landmarks.HALF_WAY
        if volume.padding is not None:
            aerated &= ~volume.padding[k][box[1:]]
        lung = (sure > SURE) | ((sure > POSSIBLE) & aerated)
        is_left = (side > 0).view(np.uint8)
        labels[k][box[1:]] = lung.view(np.uint8) * (RIGHT + (LEFT - RIGHT) * is_left)
        raw[k][box[1:]] = (before[0] if before else sure) > 0


def _shares(slices: slice, count: int) -> list[slice]:
    """Slices in runs of equal length, one for each thread."""
    length = -(-(slices.stop - slices.start) // count)
    starts = range(slices.start, slices.stop, length)
    return [slice(start, min(start + length, slices.stop)) for start in starts]
