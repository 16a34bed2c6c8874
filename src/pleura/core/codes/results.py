"""Cases, runs, scores and models."""

from collections.abc import Mapping

from pleura.core.codes.code import Code, ok, refusal

RESULTS: Mapping[str, Code] = {
    "INTERNAL-ERROR": refusal(
        "unexpected {error} at {where}",
        "Report it with this line; the other cases are not affected, and the same command tries "
        "this one again.",
    ),
    "WORKER-LOST": refusal(
        "the worker process ended without an answer, twice (out of memory, or killed)",
        "Use fewer --workers or more memory; the same command tries this case again.",
    ),
    "OUT-OF-MEMORY": refusal(
        "not enough memory",
        "Use fewer --workers or more memory; the same command tries this case again.",
    ),
    "DISK-FULL": refusal(
        "no room on the output disk ({error})", "Make room; the same command tries this case again."
    ),
    "DISK-ERROR": refusal(
        "the operating system reports {error}",
        "Check the disk; the same command tries this case again.",
    ),
    "FILE-CHANGED": refusal(
        "a file of this case was removed or closed after it was listed ({error})",
        "Leave the input as it is while a run reads it; the same command tries this case again.",
    ),
    "TIME-UP": refusal(
        "the time of --minutes ended before this run began", "The same command does it."
    ),
    "BROKEN-CASE": refusal("{problem}", "Run pleura prepare again."),
    "NO-REFERENCE": refusal(
        "the case has no reference mask", "Give prepare the masks with --masks."
    ),
    "EVEN-GRID": ok(
        "the format has one slice spacing only, so the mask is written on an even grid of "
        "{step_mm:.4g} mm (nearest slice); lungs_seg.npz has the true slices"
    ),
    "TWO-SERIES-IN-CASE": refusal(
        "{n} CT series are in one case folder; expected one",
        "Move each series into a folder of its own.",
    ),
    "MASKS-DISAGREE": refusal(
        "two masks of this case differ in {voxels} voxels", "Keep the right one."
    ),
}
