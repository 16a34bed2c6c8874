"""Masks against references: what a score says about a case."""

from collections.abc import Mapping

from pleura.core.codes.code import Code, repaired, review

SCORES: Mapping[str, Code] = {
    "MISSED-SLICES": review(
        "{structure}: {n} of {of} slices with lung in the reference {n:|has|have} none in the mask "
        "({mm:.0f} mm, {ml:.1f} ml)",
        "Look at the ends of the lung in the pictures.",
    ),
    "LUNG-MISSED": review(
        "{structure}: missing from the mask ({ml:.1f} ml in the reference); counted as the worst "
        "case"
    ),
    "LUNG-INVENTED": review(
        "{structure}: {ml:.1f} ml in the mask, none in the reference; counted as the worst case"
    ),
    "HALLUCINATED-SLICES": review(
        "{n} of {of} slices without lung in the reference {n:|has|have} lung in the mask ({ml:.2f} "
        "ml{where})"
    ),
    "MASK-RESAMPLED": repaired("resampled from {found} to the reference grid (nearest neighbour)"),
    "LABEL-ONE-ALONE": review(
        "the mask has no label 2 and no left lung: its label 1 is scored as the right lung"
    ),
}
