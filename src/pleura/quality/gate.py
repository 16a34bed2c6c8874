"""The one gate: whether a volume may be used. Every verb that opens CT asks here, and nowhere else.

Values and slices are checked on every slice that the caller has read. Anatomy (lungs, coverage,
orientation) is checked on a sample: every n-th slice, at most 48, at about 3 mm in plane. `scan`
reads the same slices, so it and the verbs that read all slices check the same anatomy. A verb that
reads all slices can find more about single slices (blank, repeated, misplaced), never less.
"""

from dataclasses import dataclass, replace
from typing import Literal

from pleura.anatomy.anatomy import Anatomy
from pleura.core.codes import finding
from pleura.core.errors import InputRefused
from pleura.core.findings import Finding, Verdict, reason, refusing_code, worst
from pleura.geometry.resample import coarse_in_plane, every_nth, factors_for, shrink
from pleura.geometry.volume import LungMask, Volume
from pleura.quality.coverage import check_coverage
from pleura.quality.field_of_view import check_field_of_view
from pleura.quality.hounsfield import check_hounsfield
from pleura.quality.mask_checks import check_mask
from pleura.quality.orientation import check_orientation
from pleura.quality.thresholds import SAMPLE_MM, SAMPLE_SLICES


@dataclass(frozen=True, eq=False)
class Judged:
    """A volume that went through the gate.

    `volume` has values that were corrected where this was certain. `series` are findings about
    values, slices and field of view, `coverage` about the lungs, `orientation` about left, back and
    head. `anatomy` is that of the volume, computed on request; `sample` is that of the sample,
    where anatomy was checked.
    """

    volume: Volume
    anatomy: Anatomy
    series: tuple[Finding, ...] = ()
    coverage: tuple[Finding, ...] = ()
    orientation: tuple[Finding, ...] = ()
    sample: Anatomy | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings."""
        return (*self.series, *self.coverage, *self.orientation)

    @property
    def verdict(self) -> Verdict:
        """The worst of the findings."""
        return worst(self.findings)

    @property
    def usable(self) -> bool:
        """Whether the volume may be used."""
        return self.verdict is not Verdict.REFUSED

    def require_usable(self) -> "Judged":
        """The object itself, where the volume may be used.

        Raises:
            InputRefused: the volume may not be used; `code` is that of the first refusal.
        """
        if not self.usable:
            raise InputRefused(reason(self.findings), code=refusing_code(self.findings))
        return self

    def with_lungs(self, mask: LungMask) -> "Judged":
        """The findings, with those about these lungs instead of the lungs of the sample.

        These are coverage, sides, and missed lung. Right and left are checked by the midline of the
        sample, so no body mask at full resolution is needed.

        Args:
            mask: sided lungs on the volume's grid, from any segmenter.
        """
        coverage = check_coverage(mask, self.volume)
        if worst(coverage) is not Verdict.REFUSED:
            sample = Anatomy(sampled(self.volume)) if self.sample is None else self.sample
            coverage = (*coverage, *check_mask(mask, sample))
        return replace(self, coverage=coverage)


def gate(
    volume: Volume,
    lungs: LungMask | None = None,
    *,
    detail: Literal["sample", "full"] = "sample",
    every: int = 1,
) -> Judged:
    """Decide whether a volume may be used.

    Args:
        volume: CT as its header describes it: HU int16 `[slice, row, column]`.
        lungs: its lungs on the same grid, where they are known; by default they are found by
            threshold.
        detail: `full` where the caller needs body and airways on every voxel anyway: they are
            computed once, and those of the sample are taken from them. `sample` computes them on
            the sample only.
        every: the volume has every n-th slice of its series; findings name slices of the series.

    Returns:
        The volume, with values corrected where this is certain, and every finding. A refused volume
        is returned too: check `usable`, or call `require_usable()`.
    """
    if every == 1 and min(volume.grid.shape) == 1:
        return Judged(volume, Anatomy(volume), (finding("ONE-SLICE", note=""),))
    volume, findings = check_hounsfield(volume, every)
    findings = (*findings, *check_field_of_view(volume))
    whole = Anatomy(volume)
    if worst(findings) is Verdict.REFUSED:
        return Judged(volume, whole, findings)
    sample = sample_of(whole) if detail == "full" else Anatomy(sampled(volume))
    covered = (sample.mask, sample.volume) if lungs is None else (lungs, volume)
    found = check_coverage(*covered)
    if worst(found) is Verdict.REFUSED:
        return Judged(volume, whole, findings, found, sample=sample)
    orientation = check_orientation(sample.volume, anatomy=sample)
    return Judged(volume, whole, findings, found, orientation, sample)


def sampled(volume: Volume) -> Volume:
    """The slices and pixels on which anatomy is checked; a sample is its own sample."""
    return coarse_in_plane(every_nth(volume, SAMPLE_SLICES), SAMPLE_MM)


def sample_of(whole: Anatomy) -> Anatomy:
    """The anatomy of the sample of a volume, taken from that of the whole."""
    volume = sampled(whole.volume)
    step = -(-whole.volume.grid.shape[0] // SAMPLE_SLICES)
    factors = (1, *factors_for(whole.volume.grid.spacing_mm, SAMPLE_MM)[1:])
    body = shrink(whole.body[::step], factors) > 0.5
    tube = shrink(whole.airways[::step], factors) > 0.5
    return Anatomy.known(volume, body=body, airways=tube & body)
