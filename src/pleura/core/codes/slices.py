"""The slices of a series: order, spacing, gaps, tilt, duplicates; and stacks between series."""

from collections.abc import Mapping
from types import MappingProxyType

from pleura.core.codes.code import OK_OR_REVIEW, Code, ok, refusal, repaired, review
from pleura.core.findings import Verdict

STACKS: Mapping[str, Code] = {
    "COPIES-DROPPED": ok("{n:duplicate slice|duplicate slices} ignored"),
    "SAME-UID-DIFFERENT": refusal(
        "{n:slice has|slices have} the SOPInstanceUID of another, different slice",
        "Export the series again.",
    ),
    "SERIES-IN-PARTS": review(
        "{others:slice of this series differs|slices of this series differ} in size, "
        "spacing, orientation or colour and {others:|is|are} listed separately",
        "Check that this part is complete.",
    ),
    "SPLIT-BY-ATTRIBUTE": Code(
        OK_OR_REVIEW, "one SeriesInstanceUID, {n} volumes separated by {by}{note}"
    ),
    "SLICES-SHARE-A-PLACE": refusal(
        "slices share a position and no attribute separates them{note}",
        "Export each reconstruction as its own series.",
    ),
    "SLICES-ALTERNATE": review(
        "slices alternate in {by}", "Check whether these are two interleaved stacks."
    ),
    "STACKS-INTERLEAVED": refusal(
        "two stacks of slices interleave: {why}", "Export each reconstruction as its own series."
    ),
    "ONE-SLICE": refusal("a single slice{note} has no slice spacing, so it is not a volume"),
    "BAD-GEOMETRY": refusal(
        "spacing and positions do not define a volume", "Export the series again."
    ),
    "SLICES-ASIDE": refusal(
        "slices are offset in-plane by up to {mm:.1f} mm: their fields of view have different "
        "centres",
        "Export the series again.",
    ),
    "GANTRY-TILT": review("gantry tilt of {degrees:.1f}°; the sheared geometry is preserved"),
    "UNEVEN-SPACING": review(
        "slice spacing varies from {smallest_mm:.2f} to {largest_mm:.2f} mm; true positions are "
        "preserved"
    ),
    "GAP-IN-SLICES": refusal(
        "{missing:slice is|slices are} missing, after slice {after} of {slices} (spacing "
        "{median_step_mm:.3g} mm)",
        "Export the series again, or use --gaps split or interpolate.",
    ),
    "GAP-SPLIT": repaired("missing slices: split at the gaps into {n} stacks"),
    "GAP-FILLED": repaired(
        "{n:missing slice|missing slices} interpolated from the neighbours, without measured data"
    ),
    "ORDER-DISAGREES": ok(
        "InstanceNumber and ImagePositionPatient disagree on slice order; the position was used"
    ),
    "SPACING-DISAGREES": ok(
        "SpacingBetweenSlices is {value:g} mm, slice positions are {step:.3g} mm apart; "
        "positions were used"
    ),
    "THICKNESS-IS-NOT-STEP": ok(
        "SliceThickness is {value:g} mm, slice positions are {step:.3g} mm apart"
    ),
}
"""How slices make stacks."""

BETWEEN_SERIES: Mapping[str, Code] = {
    "STACK-SHARED": Code((Verdict.REVIEW, Verdict.REFUSED), "{what}"),
    "SAME-AS-ANOTHER": review(
        "duplicate of series {other}", "Count it once and keep both in the same split."
    ),
}
"""What is found between the series of an input."""

STACK_SHARED: Mapping[str, str] = MappingProxyType(
    {
        "renamed": (
            "series {other}, with another SeriesNumber, lies between these slices: two scans, or "
            "one partly renamed"
        ),
        "interleaved": (
            "the intermediate slices are in series {other}: SeriesInstanceUID was changed on "
            "some slices. Export them as one series"
        ),
        "continues": (
            "series {other} continues this one at the same spacing. Check whether it was one series"
        ),
    }
)
"""The sentences of `STACK-SHARED`."""

SLICES: Mapping[str, Code] = {**STACKS, **BETWEEN_SERIES}
