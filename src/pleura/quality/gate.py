"""The one gate: may this volume be used? Every verb that opens CT asks here, and nowhere else.

Values and slices are judged on every slice that the caller has read. Anatomy (lungs, coverage,
orientation) is judged on
a sample: every n-th slice, so that there are at most 48, at about 3 mm in plane. `scan` reads the
same slices, so it and the verbs that read all of them judge the same anatomy; a verb that reads all
slices can only find more about single slices (blank, repeated, misplaced), never less.
"""

from dataclasses import dataclass, replace
from typing import Literal

from pleura.anatomy.anatomy import Anatomy
from pleura.core.errors import InputRefused
from pleura.core.findings import Finding, Verdict, reason, worst
from pleura.geometry.resample import coarse_in_plane, every_nth, factors_for, shrink
from pleura.geometry.volume import LungMask, Volume
from pleura.quality.coverage import check_coverage
from pleura.quality.field_of_view import check_field_of_view
from pleura.quality.hounsfield import check_hounsfield
from pleura.quality.mask_checks import check_mask
from pleura.quality.orientation import check_orientation
from pleura.quality.thresholds import SAMPLE_MM, SAMPLE_SLICES

VERSION = 1
"""Of the checks; a cohort that another version prepared is judged again when it is used."""


@dataclass(frozen=True, eq=False)
class Judged:
    """A volume that went through the gate.

    `volume` has corrected values where that was certain. `series` are findings about values, slices
    and field of view; `coverage` about the lungs in it; `orientation` about left, back and head.
    `anatomy` is that of the volume, computed when it is asked for; `sample` that of the slices and
    pixels on which anatomy was judged, where it was.
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

    @property
    def refusal_code(self) -> str:
        """The code of the first finding that refuses; empty where the volume may be used."""
        return next(
            (finding.code for finding in self.findings if finding.verdict is Verdict.REFUSED), ""
        )

    def require_usable(self) -> "Judged":
        """The same object. Raises `InputRefused` with the code of the first refusal where the
        volume may not be used.
        """
        if not self.usable:
            raise InputRefused(reason(self.findings), code=self.refusal_code)
        return self

    def with_lungs(self, mask: LungMask) -> "Judged":
        """The same findings, with those about these lungs (coverage, sides, missed lung) in place
        of the sample's.

        Right and left are judged by the sample's midline, which needs no body at full resolution.

        Args:
            mask: sided lungs on the volume's grid, from any segmenter.
        """
        coverage = check_coverage(mask, self.volume)
        if worst(coverage) is not Verdict.REFUSED:
            sample = Anatomy(sampled(self.volume)) if self.sample is None else self.sample
            coverage = (*coverage, *check_mask(mask, sample))
        return replace(self, coverage=coverage)


def gate(
    volume: Volume, lungs: LungMask | None = None, *, detail: Literal["sample", "full"] = "sample"
) -> Judged:
    """Decide whether a volume may be used.

    Args:
        volume: CT as its header describes it: HU int16 `[slice, row, column]`.
        lungs: its lungs on the same grid, where they are known; else they are found by threshold.
        detail: `full` where the caller needs body and airways on every voxel anyway: they are
            computed once, and the sample's are taken from them. `sample` computes them on the
            sample alone.

    Returns:
        The volume, with values corrected where that is certain, and every finding. A refused volume
            comes back too: ask
        `usable`, or call `require_usable()`.
    """
    volume, findings = check_hounsfield(volume)
    findings = (*findings, *check_field_of_view(volume))
    whole = Anatomy(volume)
    if worst(findings) is Verdict.REFUSED:
        return Judged(volume, whole, findings)
    sample = sample_of(whole) if detail == "full" else Anatomy(sampled(volume))
    found = (
        check_coverage(sample.mask, sample.volume)
        if lungs is None
        else check_coverage(lungs, volume)
    )
    if worst(found) is Verdict.REFUSED:
        return Judged(volume, whole, findings, found, sample=sample)
    orientation = check_orientation(sample.volume, anatomy=sample)
    return Judged(volume, whole, findings, found, orientation, sample)


def sampled(volume: Volume) -> Volume:
    """The slices and pixels on which anatomy is judged; a sample of a sample is that sample."""
    return coarse_in_plane(every_nth(volume, SAMPLE_SLICES), SAMPLE_MM)


def sample_of(whole: Anatomy) -> Anatomy:
    """The anatomy of the sample of a volume, from that of the whole."""
    volume = sampled(whole.volume)
    step = -(-whole.volume.grid.shape[0] // SAMPLE_SLICES)
    factors = (1, *factors_for(whole.volume.grid.spacing_mm, SAMPLE_MM)[1:])
    body = shrink(whole.body[::step], factors) > 0.5
    tube = shrink(whole.airways[::step], factors) > 0.5
    return Anatomy.known(volume, body=body, airways=tube & body)
