"""The endless, numbered sequence of samples that all runs share.

The number of a sample decides its content, so the runs of a cross-validation can share the work of
drawing; a run that holds a patient out skips the samples of that patient.
"""

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pleura.learn.lungs.corpus import TrainingVolume
from pleura.learn.lungs.disease import diseased
from pleura.learn.lungs.samples import SHAPES, Pose, Sample, posed
from pleura.learn.lungs.scanner import scanned

BLOCK = 16
"""Successive samples that have one shape and can be batched."""
IGNORE_BIT, UNKNOWN_BIT = 8, 16


@dataclass(frozen=True)
class Pool:
    """Samples of `groups` of volumes, drawn with probabilities `shares`, and kept in `folder`."""

    groups: tuple[Sequence[TrainingVolume], ...]
    shares: tuple[float, ...]
    folder: Path
    seed: int = 0

    def volume_of(self, index: int) -> TrainingVolume:
        """The volume of sample `index`."""
        rng = np.random.default_rng([self.seed, 1, index])
        chances = np.array(self.shares) / sum(self.shares)
        group = self.groups[int(rng.choice(len(chances), p=chances))]
        return group[int(rng.integers(len(group)))]

    def sample(self, index: int) -> Sample:
        """Sample `index`, drawn or read."""
        path = self.folder / f"{index:06d}.npz"
        if path.exists():
            return _read(path)
        shape = SHAPES[
            int(np.random.default_rng([self.seed, 2, index // BLOCK]).integers(len(SHAPES)))
        ]
        rng = np.random.default_rng([self.seed, 3, index])
        sample = scanned(diseased(posed(self.volume_of(index), shape, rng, Pose()), rng), rng)
        sample = _rounded(sample)
        _write(path, sample)
        return sample

    def batches(self, size: int, held_out: Collection[str] = ()) -> Iterator[list[int]]:
        """Yield batches of `size` sample numbers of one shape, without held-out patients."""
        block = 0
        while True:
            numbers = range(block * BLOCK, (block + 1) * BLOCK)
            allowed = [
                number for number in numbers if self.volume_of(number).patient not in held_out
            ]
            for start in range(0, len(allowed) - size + 1, size):
                yield allowed[start : start + size]
            block += 1


def _rounded(sample: Sample) -> Sample:
    """The sample as it is after writing and reading."""
    hu = np.clip(np.rint(sample.hu), -2048, 4000).astype(np.float32)
    return Sample(hu, sample.label, sample.ignore, sample.density_unknown)


def _write(path: Path, sample: Sample) -> None:
    bits = (
        sample.label
        | sample.ignore * np.uint8(IGNORE_BIT)
        | sample.density_unknown * np.uint8(UNKNOWN_BIT)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{os.getpid()}-{path.name}")
    with part.open("wb") as file:
        np.savez(file, hu=sample.hu.astype(np.int16), bits=bits.astype(np.uint8))
    part.replace(path)


def _read(path: Path) -> Sample:
    with np.load(path) as file:
        bits = file["bits"]
        hu = file["hu"].astype(np.float32)
    return Sample(hu, bits & np.uint8(7), bits & IGNORE_BIT > 0, bits & UNKNOWN_BIT > 0)
