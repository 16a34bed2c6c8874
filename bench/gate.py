"""What the gate sees of series that were tampered with in memory: `python bench/gate.py [DATA]`
prints a Markdown table.

Each change is made to the whole volume of every usable CT series of DATA that holds lungs (or of
three synthetic chests), its header left as it is; what `scan` says of a volume's content is
counted. A change that nothing speaks against has passed.
"""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pleura.core.findings import Verdict, worst
from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.anatomy import chest
from pleura.quality.gate import gate, sampled
from pleura.quality.orientation import check_orientation

Voxels = NDArray[np.int16]


def some(
    change: Callable[[Voxels], Voxels], part: Callable[[int], slice]
) -> Callable[[Voxels], Voxels]:
    """A change to some slices."""

    def apply(hu: Voxels) -> Voxels:
        changed, which = hu.copy(), part(len(hu))
        changed[which] = change(hu[which])
        return changed

    return apply


def one(n: int) -> slice:
    """The middle slice."""
    return slice(n // 2, n // 2 + 1)


def half(n: int) -> slice:
    """The upper half."""
    return slice(n // 2, n)


def flip(*axes: int) -> Callable[[Voxels], Voxels]:
    """Along axes: 0 slices, 1 rows, 2 columns."""
    return lambda hu: np.flip(hu, axes)


def shuffled(hu: Voxels) -> Voxels:
    """Slices in any order."""
    return hu[np.random.default_rng(0).permutation(len(hu))]


def elsewhere(hu: Voxels) -> Voxels:
    """The middle slice shows what one a third higher does."""
    changed = hu.copy()
    changed[len(hu) // 2] = hu[5 * len(hu) // 6]
    return changed


def exchanged(hu: Voxels) -> Voxels:
    """Two slices amid the stack have each other's place."""
    order = np.arange(len(hu))
    k = len(hu) // 2
    order[[k, k + 1]] = k + 1, k
    return hu[order]


def cut(hu: Voxels) -> Voxels:
    """The lower half of the middle slice was never written."""
    changed = hu.copy()
    changed[len(hu) // 2, hu.shape[1] // 2 :] = -1024
    return changed


CHANGES: dict[str, Callable[[Voxels], Voxels]] = {
    "as it is": lambda hu: hu,
    "slices upside down": flip(0),
    "rows flipped": flip(1),
    "turned by 180°": flip(1, 2),
    "slices and rows flipped": flip(0, 1),
    "columns flipped (mirrored)": flip(2),
    "turned by 90°": lambda hu: np.rot90(hu, 1, (1, 2)),
    "turned by 270°": lambda hu: np.rot90(hu, 3, (1, 2)),
    "rows and columns swapped": lambda hu: hu.transpose(0, 2, 1),
    "slices shuffled": shuffled,
    "one slice of elsewhere": elsewhere,
    "two slices exchanged": exchanged,
    "one slice upside down": some(flip(1), one),
    "one slice mirrored": some(flip(2), one),
    "half the slices mirrored": some(flip(2), half),
    "a tenth of the slices lost": lambda hu: np.delete(
        hu, range(len(hu) // 2, len(hu) // 2 + max(2, len(hu) // 10)), 0
    ),
    "one slice blank": some(lambda hu: hu * 0 - 1024, one),
    "half a slice blank": cut,
    "one slice 100 HU off": some(lambda hu: hu + np.int16(100), one),
    "half the slices 100 HU off": some(lambda hu: hu + np.int16(100), half),
    "all 100 HU off": lambda hu: hu + np.int16(100),
    "slope 0.9": lambda hu: np.rint(hu * 0.9).astype(np.int16),
    "inverted": lambda hu: (-hu.astype(np.int32)).clip(-32768, 32767).astype(np.int16),
}


def judged(volume: Volume, change: Callable[[Voxels], Voxels]) -> tuple[Verdict, list[str]]:
    """Verdict and codes of a tampered volume; padding is air from the start, so that none of it
    gives the change away.
    """
    hu = np.ascontiguousarray(change(volume.filled()))
    findings = gate(Volume(hu, Grid.axial(hu.shape, volume.grid.spacing_mm))).findings
    return worst(findings), [
        finding.code for finding in findings if finding.verdict is not Verdict.OK
    ]


PARTS: dict[str, Callable[[Voxels], Voxels]] = {
    "whole": lambda hu: hu,
    "lower half": lambda hu: hu[: len(hu) // 2],
    "upper half": lambda hu: hu[len(hu) // 2 :],
    "middle third": lambda hu: hu[len(hu) // 3 : 2 * len(hu) // 3],
    "right half": lambda hu: hu[:, :, : hu.shape[2] // 2],
    "left half": lambda hu: hu[:, :, hu.shape[2] // 2 :],
}
FLIPS: dict[str, tuple[int, ...]] = {
    "none": (),
    "head to feet": (0,),
    "front to back": (1,),
    "left to right": (2,),
}


def orientation_rates(chests: list[Volume]) -> None:
    """Print how often orientation is doubted in parts of chests, as they are (false alarms) and
    flipped (caught).
    """
    print(f"\n| part | {' | '.join(FLIPS)} |\n|---|{'---|' * len(FLIPS)}")
    for name, part in PARTS.items():
        doubted = []
        for axes in FLIPS.values():
            found = 0
            for volume in chests:
                hu = np.ascontiguousarray(np.flip(part(volume.filled()), axes))
                grid = Grid.axial(hu.shape, volume.grid.spacing_mm)
                found += bool(check_orientation(sampled(Volume(hu, grid))))
            doubted.append(f"{found} of {len(chests)}")
        print(f"| {name} | {' | '.join(doubted)} |", flush=True)


def main() -> None:
    """Print both tables."""
    if len(sys.argv) > 1:
        volumes = [series.read() for series in find_series(Path(sys.argv[1])) if series.usable]
    else:
        volumes = [chest((40, 96, 96), seed=seed)[0] for seed in range(3)]
    chests = [
        volume for volume in volumes if "NO-LUNGS" not in judged(volume, CHANGES["as it is"])[1]
    ]
    print(
        f"{len(chests)} series with lungs\n\n| change | refused | review | passed | codes "
        "|\n|---|---|---|---|---|"
    )
    for name, change in CHANGES.items():
        answers = [judged(volume, change) for volume in chests]
        verdicts = Counter(verdict for verdict, _ in answers)
        codes = Counter(code for _, found in answers for code in found)
        cells = (
            verdicts[Verdict.REFUSED],
            verdicts[Verdict.REVIEW],
            verdicts[Verdict.OK] + verdicts[Verdict.REPAIRED],
        )
        words = ", ".join(f"`{code}` {count}" for code, count in codes.most_common())
        print(f"| {name} | {' | '.join(map(str, cells))} | {words} |", flush=True)
    orientation_rates(chests)


if __name__ == "__main__":
    main()
