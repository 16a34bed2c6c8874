"""The slices of each case as the network of a study sees them, made once for all its runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy.couch import body_mask, couch_mask, without_couch
from pleura.core.atomic import atomic_file
from pleura.geometry.network_grid import NetInput
from pleura.geometry.resample import Upright
from pleura.geometry.volume import Volume
from pleura.metrics.case import PLACES
from pleura.scoring.ct import CohortCt, places_of
from pleura.store.case import Case
from pleura.store.fingerprints import fingerprint
from pleura.store.items import Done
from pleura.store.layout import CASES, READY_SLICES

Scaling = str


@dataclass(frozen=True)
class CaseJob:
    """A case of a cohort."""

    id: str
    folder: Path

    @property
    def input(self) -> str:
        """Changes with the case's files."""
        return str(fingerprint([self.folder])["sha256"])


def case_jobs(cohort: Path, names: Sequence[str]) -> list[CaseJob]:
    """A job for each case."""
    return [CaseJob(name, cohort / CASES / name) for name in names]


@dataclass(frozen=True)
class ReadyRecipe:
    """Which versions of each case a study needs: `(couch, scaling)` pairs, at one size."""

    out: Path
    size: int
    versions: tuple[tuple[str, Scaling], ...]

    def open(self) -> Callable[[CaseJob], Done]:
        """The function that makes the slices of one case ready."""
        return partial(_make_ready, self)


@dataclass(frozen=True)
class ReadyCase:
    """A case on the network's grid, slices from feet to head.

    `pictures`: version to float16 `(slices, size, size)`. `targets`: share of lung, float16.
    `places`: number of each pixel's place in `PLACES`. `pixel_ml`: volume of a pixel.
    """

    pictures: Mapping[str, NDArray[np.float16]]
    targets: NDArray[np.float16]
    places: NDArray[np.uint8]
    pixel_ml: float


def version_name(couch: str, scaling: str) -> str:
    """The name of a version in the file."""
    return f"{couch}_{scaling}"


def ready_path(out: Path, case: str) -> Path:
    """Where the slices of a case are."""
    return out / READY_SLICES / f"{case}.npz"


def read_ready(out: Path, case: str) -> ReadyCase:
    """Read what `ReadyRecipe` wrote."""
    with np.load(ready_path(out, case), allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files}
    targets, places = arrays.pop("targets"), arrays.pop("places")
    return ReadyCase(arrays, targets, places, float(arrays.pop("pixel_ml")))


def _make_ready(recipe: ReadyRecipe, job: CaseJob) -> Done:
    case = Case.open(job.folder)
    volume, lungs = case.volume(), case.mask().lungs
    turn = Upright.of(case.grid)
    spacing = turn.spacing_mm
    extents = [n * mm for n, mm in zip(turn.turn(lungs).shape[1:], spacing[1:], strict=True)]
    pixel_mm = max(extents) / recipe.size
    arrays: dict[str, Any] = {"pixel_ml": np.float64(pixel_mm**2 * spacing[0] / 1000)}
    net = NetInput(recipe.size)
    arrays["targets"] = np.stack(
        [net.show_mask(one, spacing[1:]) for one in turn.turn(lungs)]
    ).astype(np.float16)
    arrays["places"] = _places(job, volume, turn, net)
    for couch, scaling in recipe.versions:
        seen = _without_couch(volume) if couch == "remove" else volume
        network_input = NetInput(recipe.size, scaling="none" if scaling == "none" else "window")
        arrays[version_name(couch, scaling)] = np.stack(
            [network_input.show(one, spacing[1:]) for one in turn.turn(seen.filled())]
        ).astype(np.float16)
    path = ready_path(recipe.out, job.id)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as part, part.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    return Done(
        {"case": job.id, "slices": len(arrays["targets"])}, (f"{READY_SLICES}/{path.name}",)
    )


def _without_couch(volume: Volume) -> Volume:
    return without_couch(volume, couch_mask(volume, body_mask(volume)))


def _places(job: CaseJob, volume: Volume, turn: Upright, net: NetInput) -> NDArray[np.uint8]:
    """The place that most of each pixel is in; beyond the slice it is outside the body."""
    where = places_of(CohortCt(job.folder), volume)
    turned = [turn.turn(where[name]) for name in PLACES]
    codes = []
    for k in range(turned[0].shape[0]):
        shares = np.stack([net.show_mask(one[k], turn.spacing_mm[1:]) for one in turned])
        shares[PLACES.index("outside_body")] += 1 - shares.sum(axis=0)
        codes.append(shares.argmax(axis=0).astype(np.uint8))
    return np.stack(codes)
