"""Slices for the network; every sample knows its case and slice."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from pleura.geometry.network_grid import NetInput
from pleura.geometry.resample import Upright
from pleura.geometry.volume import AIR_HU
from pleura.store.case import Case
from pleura.store.split import Split

Part = Literal["train", "validation", "test"]
THICKER = 0.3
"""Share of augmented samples that are the mean of two neighbours, like a thicker slice."""
CACHE_BYTES = 400_000_000
"""[bytes] Slices ready for the network that are kept, about 1,500 of 256²."""


@dataclass(frozen=True)
class Place:
    """One slice of one case: its number in the case's order, and in the upright order."""

    case: int
    slice: int
    upright: int


class Slices(Dataset[tuple[Tensor, Tensor, int, int]], ABC):
    """Slices in case and slice order, as `NetInput` shows them; what the training loop takes.

    A sample is `(slice (1, size, size), target (1, size, size), number of the case, slice of the
    case)`, float32, from 0 to 1 where the input scales; the target is the share of lung in each
    pixel. With `thicken_seed` set, some samples are the mean of two neighbours; `epoch` decides
    which, and a resumed run sees what an undisturbed one would have seen.
    """

    def __init__(
        self,
        places: Sequence[Place],
        network_input: NetInput,
        thicken_seed: int | None = None,
    ) -> None:
        self.places = list(places)
        self.network_input = network_input
        self.thicken_seed = thicken_seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, int, int]:
        place = self.places[index]
        picture, target = self.pair(place)
        if self.thicken_seed is not None and index + 1 < len(self.places):
            after = self.places[index + 1]
            drawn = np.random.default_rng([self.thicken_seed, self.epoch, index]).random()
            if drawn < THICKER and after.case == place.case and after.slice == place.slice + 1:
                other = self.pair(after)
                picture, target = (picture + other[0]) / 2, (target + other[1]) / 2
        return (
            torch.from_numpy(picture)[None],
            torch.from_numpy(target)[None],
            place.case,
            place.slice,
        )

    @abstractmethod
    def pair(self, place: Place) -> tuple[Any, Any]:
        """Slice and target of a place, float32 `(size, size)` each."""


class ArraySlices(Slices):
    """Slices that were made ready before: for each case an array of slices and one of targets,
    `(slices, size, size)` each.
    """

    def __init__(
        self,
        arrays: Sequence[tuple[NDArray[Any], NDArray[Any]]],
        network_input: NetInput,
        *,
        thicken_seed: int | None = None,
    ) -> None:
        places = [
            Place(number, k, k)
            for number, (pictures, _) in enumerate(arrays)
            for k in range(len(pictures))
        ]
        super().__init__(places, network_input, thicken_seed)
        self.arrays = arrays

    def pair(self, place: Place) -> tuple[Any, Any]:
        """Slice and target of a place, float32."""
        pictures, targets = self.arrays[place.case]
        return (
            np.array(pictures[place.upright], np.float32),
            np.array(targets[place.upright], np.float32),
        )


class SliceDataset(Slices):
    """Axial slices of the cases of one part of a cohort, upright."""

    def __init__(
        self,
        cases: Sequence[Case],
        split: Split,
        part: Part,
        network_input: NetInput,
        *,
        thicken_seed: int | None = None,
    ) -> None:
        held_out = split.validation_slices if part in ("train", "validation") else {}
        names = set(getattr(split, part))
        if part == "validation":
            names |= set(held_out)
        self.cases = tuple(case for case in cases if case.id in names)
        places = [
            place
            for number, case in enumerate(self.cases)
            for place in _places(number, case, held_out, part)
        ]
        super().__init__(places, network_input, thicken_seed)
        self._open: dict[int, tuple[Any, Any, Any, tuple[float, float]]] = {}
        self._ready: dict[Place, tuple[Any, Any]] = {}
        self._keep = len(self.places) * network_input.size**2 * 4 <= CACHE_BYTES

    def pair(self, place: Place) -> tuple[Any, Any]:
        """Slice and target, float32; kept as half floats (a thousandth of the window is 1.4
        HU), also where not kept.
        """
        ready = self._ready.get(place)
        if ready is None:
            hu, padding, lungs, spacing = self._arrays(place.case)
            one = np.array(hu[place.upright])
            if padding is not None:
                one[padding[place.upright]] = AIR_HU
            picture = self.network_input.show(one, spacing).astype(np.float16)
            target = self.network_input.show_mask(lungs[place.upright] > 0, spacing).astype(
                np.float16
            )
            ready = picture, target
            if self._keep:
                self._ready[place] = ready
        return ready[0].astype(np.float32), ready[1].astype(np.float32)

    def _arrays(self, number: int) -> tuple[Any, Any, Any, tuple[float, float]]:
        if number not in self._open:
            case = self.cases[number]
            volume, mask = case.volume(), case.mask()
            turn = Upright.of(case.grid)
            padding = turn.padding(volume)
            self._open[number] = (
                turn.turn(volume.hu),
                padding,
                turn.turn(mask.labels),
                turn.spacing_mm[1:],
            )
        return self._open[number]


def _places(number: int, case: Case, held_out: Any, part: Part) -> list[Place]:
    """Slices of a case in a part; held-out blocks validate, the rest of such a case trains."""
    turn = Upright.of(case.grid)
    count = case.grid.shape[turn.axes[0]]
    blocked = {k for first, end in held_out.get(case.id, ()) for k in range(first, end)}
    wanted = list(range(count))
    if case.id in held_out:
        wanted = [k for k in wanted if (k in blocked) == (part == "validation")]
    return [Place(number, k, k if turn.steps[0] > 0 else count - 1 - k) for k in wanted]
