"""The protocol of segmenters: a callable from a `Volume` to a `Segmentation`."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy.anatomy import Anatomy
from pleura.core.errors import GridMismatch
from pleura.core.findings import Finding, Verdict, reason, worst
from pleura.core.progress import Progress, silent
from pleura.geometry.volume import LungMask, Volume


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A segmenter's result, before and after cleaning.

    `raw` is bool `[slice, row, column]` on the volume's grid, the output of the network or the
    threshold. `mask` is the cleaned, sided `LungMask` on the same grid. `findings` rate the result;
    an empty mask always has one. `overview` is a coarse copy of the volume in patient axes with its
    mask, where the segmenter made one; it is enough for checks of anatomy.
    """

    raw: NDArray[np.bool_]
    mask: LungMask
    findings: tuple[Finding, ...] = ()
    overview: tuple[Volume, LungMask] | None = None

    def __post_init__(self) -> None:
        if self.raw.dtype != np.bool_:
            raise GridMismatch(f"a raw answer is bool, not {self.raw.dtype}")
        if self.raw.shape != self.mask.grid.shape:
            raise GridMismatch(
                f"raw answer of shape {self.raw.shape} beside a mask of shape "
                f"{self.mask.grid.shape}"
            )
        if not self.mask.sided:
            raise GridMismatch("a segmentation tells right from left; this mask does not")
        raw = self.raw.view()
        raw.setflags(write=False)
        object.__setattr__(self, "raw", raw)

    def __repr__(self) -> str:
        return f"Segmentation({self.verdict.word}; {self.mask!r})"

    @property
    def verdict(self) -> Verdict:
        """The worst of the findings."""
        return worst(self.findings)

    @property
    def reason(self) -> str:
        """The reason of the verdict; empty where there is none."""
        return reason(self.findings)


class Segmenter(Protocol):
    """Finds the lungs of one volume; the same volume always gives the same result."""

    @property
    def name(self) -> str:
        """Short, stable name for `run.json`: `classical`, `onnx`."""
        ...

    def describe(self) -> dict[str, Any]:
        """What produced the result: name, parameters and the weights' hash, no path, no time."""
        ...

    def __call__(
        self, volume: Volume, progress: Progress = silent, *, anatomy: Anatomy | None = None
    ) -> Segmentation:
        """Segment one volume.

        Args:
            volume: HU int16 `[slice, row, column]` on its grid; padding counts as air.
            progress: called at each stage.
            anatomy: body and airways of this volume, where the caller has them.

        Returns:
            The raw answer and the cleaned, sided mask on the volume's own grid, with findings.

        Raises:
            InputRefused: the volume cannot be segmented at all (fewer slices than the segmenter
                needs).
        """
        ...
