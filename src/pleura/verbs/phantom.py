"""`pleura phantom`: synthetic chests to try everything on, with nobody's data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pleura.core.errors import Exit, UsageError
from pleura.core.progress import Progress, silent
from pleura.core.results import Result
from pleura.core.text import counted
from pleura.store.remote import on_folders


@dataclass(frozen=True)
class PhantomResult(Result):
    """The cases that lie in OUT now."""

    out: Path
    cases: tuple[str, ...]
    shape: tuple[int, int, int]

    def as_json(self) -> Any:
        """`cases` by name, and `shape` `[slices, rows, columns]` of each."""
        return {"cases": list(self.cases), "shape": list(self.shape)}

    def notes(self) -> list[str]:
        slices, rows, columns = self.shape
        return [
            f"{counted(len(self.cases), 'synthetic chest', 'synthetic chests')} of "
            f"{counted(slices, 'slice', 'slices')}, {rows} x {columns}: {self.out / 'Images'}",
            f"both lungs as 1 in {self.out / 'Segmentations'}; 1 right, 2 left in "
            f"{self.out / 'Labels'}",
        ]


@on_folders
def phantom(
    out: Path,
    *,
    cases: int = 4,
    size: int = 128,
    slices: int = 40,
    seed: int = 0,
    overwrite: bool = False,
    progress: Progress = silent,
) -> PhantomResult:
    """Write synthetic chest CTs in the report's folder layout.

    DICOM CT series with invented people in their headers, and the true masks of their lungs:
    Images/Case_00N/*.dcm, Segmentations/Case_00N_seg.npz, Labels/Case_00N.nii.gz. The same options
    write the same bytes.

    Args:
        out: Folder to write to; created if it does not exist.
        cases: How many chests.
        size: Rows and columns of a slice.
        slices: Slices of a chest; they always span 34 cm.
        seed: Decides the bodies, the noise and the people.
        overwrite: Empty OUT first; refused where pleura did not write OUT.

    Returns:
        The names of the cases and their shape.

    Raises:
        UsageError: a number is out of range, or OUT holds something else and `overwrite` is not
            set.
        OutputFailed: OUT cannot be written.
    """
    from pleura.labels.registry import write_mask
    from pleura.phantom.dataset import write_dataset
    from pleura.store.run_record import open_run

    for name, value, low, high in (
        ("cases", cases, 1, 1000),
        ("size", size, 8, 2048),
        ("slices", slices, 2, 2000),
    ):
        if not low <= value <= high:
            raise UsageError(f"phantom: --{name} {value} is not between {low} and {high}")
    if seed < 0:
        raise UsageError("phantom: --seed must not be negative")
    shape = (slices, size, size)
    options = {"cases": cases, "size": size, "slices": slices, "seed": seed}
    with open_run(out, verb="phantom", sources=[], options=options, overwrite=overwrite) as run:
        if run.done:
            return PhantomResult(out, tuple(run.record["cases"]), shape)
        names = write_dataset(
            out, cases=cases, shape=shape, seed=seed, label=write_mask, progress=progress
        )
        run.finish(Exit.OK, cases=names)
    return PhantomResult(out, tuple(names), shape)
