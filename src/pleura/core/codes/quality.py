"""The values, completeness, sides and coverage of a volume, and how a mask fits it."""

from collections.abc import Mapping

from pleura.core.codes.code import Code, ok, refusal, repaired, review
from pleura.core.findings import Verdict

EXPORT = "Export the original series."
AGAIN = "Export the series again."
LOOK = "Look at the images before you use the masks."

_VALUES: Mapping[str, Code] = {
    "PADDING": ok(
        "{percent} % of the voxels are padding ({values} HU); marked, and kept as they are"
    ),
    "SATURATED": ok("{n:voxel exceeds|voxels exceed} 32767 HU and {n:|is|are} stored as 32767"),
    "HU-OFFSET": repaired(
        "RescaleIntercept is wrong: air is at {air_hu} HU; {added_hu:+d} HU was added to all voxels"
    ),
    "NOT-HU": refusal(
        "the values are not HU: {why}", "Export the original series, with values in HU."
    ),
    "VALUES-CLIPPED": review(
        "values are clipped at {hu} HU ({percent} % of the voxels): a display window was applied "
        "before export",
        EXPORT,
    ),
    "VALUES-WRAPPED": review(
        "{n:voxel|voxels} inside bone or metal {n:|is|are} far below air: integer overflow "
        "(PixelRepresentation or BitsStored is wrong)",
        AGAIN,
    ),
    "VALUES-OVERFLOW": review(
        "values end at {hu} HU, the highest of 12 bits, where denser bone or metal must follow: "
        "integer overflow, and these voxels may look like lung, fat or muscle",
        f"{AGAIN} {LOOK}",
    ),
    "SLICES-DISAGREE": Code(
        (Verdict.REFUSED, Verdict.REVIEW),
        "neighbouring slices differ by {jump_hu:+d} HU: some slices have a wrong rescale",
        AGAIN,
    ),
}

_SLICES: Mapping[str, Code] = {
    "BLANK-SLICES": Code(
        (Verdict.REFUSED, Verdict.REVIEW),
        "{n:slice is|slices are} blank, wholly or from some row on ({where})",
        f"{AGAIN} Where only the ends are blank, check that the remaining chest is complete.",
    ),
    "SLICES-REPEATED": Code(
        (Verdict.REFUSED, Verdict.REVIEW),
        "{n:slice repeats|slices repeat} the pixels of the slice before (slice {where}): "
        "the original slices are lost, or the stack was resampled to thinner slices",
        EXPORT,
    ),
    "SLICES-OUT-OF-PLACE": Code(
        (Verdict.REVIEW, Verdict.REFUSED),
        "{n:slice does|slices do} not match the neighbours (slice {where}): "
        "misplaced, flipped, lost, or affected by metal or motion",
        "Look at these slices; export the series again where positions are wrong.",
    ),
    "FIELD-OF-VIEW": ok(
        "the field of view is a circle of {diameter_mm:.0f} mm around L {left_mm:.0f}, P "
        "{posterior_mm:.0f}, S {superior_mm:.0f} mm"
    ),
}

_COVERAGE: Mapping[str, Code] = {
    "NO-LUNGS": refusal(
        "no lungs found: {lungs_ml:.0f} ml of lung beside {tissue_ml:.0f} ml of tissue",
        "Check that this is a chest CT.",
    ),
    "LITTLE-LUNG": review(
        "only {percent:.1f} % of the imaged body is lung", "Check that this is a chest CT."
    ),
    "MUCH-LUNG": review(
        "implausibly large lung volume ({litres:.1f} l)",
        "Check PixelSpacing and the slice positions.",
    ),
    "SMALL-CHEST": review(
        "the lungs are only {width_mm} mm wide, an adult's are over {least_mm:g} mm: a child, an "
        "animal, or a wrong PixelSpacing",
        "Check PixelSpacing. pleura was measured on adults only.",
    ),
    "ODD-PROPORTIONS": review(
        "the lungs are {height_mm} mm high, {width_mm} mm wide and {depth_mm} mm deep, as hardly "
        "any adult's are: a wrong PixelSpacing, or wrong slice positions",
        "Check PixelSpacing and the slice positions.",
    ),
    "LUNG-MISSING": review("almost no {side} lung was found ({ml:.0f} of {both_ml:.0f} ml)", LOOK),
    "LUNG-DENSITY": review(
        "the median density of the lungs is {median_hu:.0f} HU; inflated lung is -900 to -700 HU",
        LOOK,
    ),
    "CHEST-CUT": review(
        "the lungs are truncated by the field of view ({where}); volumes refer to the imaged part"
    ),
}

_ORIENTATION: Mapping[str, Code] = {
    "SPINE-IN-FRONT": Code(
        (Verdict.REFUSED, Verdict.REVIEW),
        "the spine is in front of the lungs: rows are flipped or the patient position is wrong, "
        "so right and left are unknown",
        "Export again with the true orientation.",
    ),
    "UPSIDE-DOWN": Code(
        (Verdict.REFUSED, Verdict.REVIEW),
        "the lungs taper towards the feet: the slice order is reversed, so right and left are "
        "unknown",
        "Export again with the true positions.",
    ),
    "SIDEWAYS": Code(
        (Verdict.REFUSED, Verdict.REVIEW),
        "the chest is only {width_over_depth:.2f} times as wide as deep: turned by 90 degrees, "
        "or rows and columns are exchanged, so right and left are unknown",
        "Export again with the true orientation.",
    ),
    "MIRRORED": review(
        "liver and heart seem to be on the wrong sides: the stack may be mirrored and the lungs' "
        "sides exchanged, or the patient has situs inversus",
        LOOK,
    ),
}

_FIT: Mapping[str, Code] = {
    "MASK-EMPTY": refusal(
        "the mask is empty", "Regenerate it, or remove the file for a case without a mask."
    ),
    "SIDES-EXCHANGED": Code(
        (Verdict.REVIEW, Verdict.REFUSED),
        "right and left lung labels appear swapped",
        "Check the label names or --mapping, and the orientation of the mask.",
    ),
    "MASK-FLIPPED": refusal(
        "the mask fits only with its {axis} flipped ({share:.0%} of it is lung, "
        "{flipped_share:.0%} when flipped)",
        "Correct the orientation of the mask.",
    ),
    "MASK-NOT-LUNG": refusal(
        "only {share:.0%} of the mask looks like lung: it is not on the lungs of this volume",
        "Regenerate the mask on this series.",
    ),
    "MASK-PARTLY-LUNG": review(
        "{share:.0%} of the mask looks like lung: the rest is dense disease, or the mask is "
        "displaced",
        "Look at the mask.",
    ),
    "MASK-ON-FEW-SLICES": review(
        "the mask covers {covered} of {with_lung} sampled slices that show lung",
        "Check that the reference is complete.",
    ),
}

_MASK: Mapping[str, Code] = {
    "SIDES-UNCERTAIN": review(
        "right and left are uncertain: the centre of the {side} lung is {beyond_mm:.0f} mm "
        "beyond the patient's midline",
        LOOK,
    ),
    "LUNGS-UNEQUAL": review(
        "the {side} lung has only {ratio:.2f} of the volume of the other: disease, surgery, or "
        "dense lung that was missed",
        LOOK,
    ),
    "LUNG-INTERRUPTED": review(
        "in {n:slice|slices} a lung is far smaller than in both slices beside them", LOOK
    ),
}

_BODY: Mapping[str, Code] = {
    "NO-BODY": review(
        "no patient was found, so nothing was removed as couch", "Check that this is a chest CT."
    ),
    "COUCH-UNSEEN": ok(
        "in {slices:slice|slices} the field of view may lie within the patient, or the patient "
        "is a child: nothing was removed as couch there"
    ),
    "COUCH-REMOVED": repaired("{ml:.0f} ml of couch, blankets and wires were replaced by air"),
}

GATE = (*_VALUES, *_SLICES, *_COVERAGE, *_ORIENTATION)
"""The codes that `quality.gate` can give."""

QUALITY: Mapping[str, Code] = {
    **_VALUES,
    **_SLICES,
    **_COVERAGE,
    **_ORIENTATION,
    **_FIT,
    **_MASK,
    **_BODY,
}
