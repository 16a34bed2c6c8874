"""Label files and objects."""

from collections.abc import Mapping

from pleura.core.codes.code import Code, ok, refusal, repaired, review

SAME_SERIES = "Give labels made on this series."

CONTOURS: Mapping[str, Code] = {
    "CONTOURS-DEGENERATE": repaired(
        "{lung}: {n:contour has|contours have} one or two points, which enclose nothing, and "
        "{n:|was|were} left out"
    ),
    "CONTOURS-BROKEN": review(
        "{lung}: {n:contour crosses slices, or has|contours cross slices, or have} coordinates "
        "that are incomplete or not numbers; {n:|it was|they were} left out",
        "Export the structure set again.",
    ),
    "CONTOURS-OPEN": review(
        "{lung}: {n:contour is|contours are} not closed (ContourGeometricType "
        "{types}), and {n:|was|were} left out",
        "Export closed contours (CLOSED_PLANAR).",
    ),
    "CONTOURS-NOT-CLOSED": refusal(
        "{lung}: none of the {n:contour|contours} is closed (ContourGeometricType "
        "{types}), so nothing is enclosed",
        "Export closed contours (CLOSED_PLANAR).",
    ),
    "CONTOURS-TYPE": review(
        "{lung}: {n:contour has|contours have} ContourGeometricType {types}, and {n:|was|were} "
        "read as CLOSED_PLANAR",
        "Check the mask against the contours.",
    ),
    "CONTOURS-OUTSIDE": review(
        "{lung}: {n:contour lies|contours lie} outside the volume, and {n:|was|were} left out"
    ),
    "CONTOURS-BETWEEN-SLICES": repaired(
        "{lung}: {n:contour lies|contours lie} between slices; each was moved to the nearest slice"
    ),
    "CONTOURS-CROWDED": review(
        "{lung}: {n:contour shares|contours share} a slice with contours of a nearer "
        "plane, and {n:|was|were} left out",
        "Check that the structure set was drawn on this series.",
    ),
    "CONTOURS-MISSING": review(
        "{lung}: {n:slice|slices} between the first and the last contour {n:|has|have} none, and "
        "{n:|was|were} left empty"
    ),
    "CONTOURS-REPEATED": repaired(
        "{lung}: {n:contour repeats|contours repeat} another one; each counts once"
    ),
    "CONTOURS-OVERLAP": review(
        "{lung}: {n:contour overlaps|contours overlap} others of the same plane, and "
        "{n:|was|were} united",
        "Check the mask against the contours.",
    ),
    "CONTOURS-CANCELLED": review(
        "{lung}: the contours of {n:slice|slices} cancel each other (CLOSEDPLANAR_XOR), which "
        "leaves nothing there",
        "Check the mask against the contours.",
    ),
    "CONTOURS-CROSS-THEMSELVES": review(
        "{lung}: {n:contour crosses itself|contours cross themselves}; everything "
        "enclosed was filled",
        "Check the mask against the contours.",
    ),
    "CONTOURS-TOO-MANY": refusal(
        "{lung}: {n} {what} (limit {limit})", "Export the structure set again, smoothed."
    ),
    "CONTOURS-UNNAMED": review(
        "contours of {n:ROI number|ROI numbers} that no structure has: left out",
        "Export the structure set again.",
    ),
    "CONTOURS-WRONG-INSTANCE": repaired(
        "{n:contour references|contours reference} another slice than the one at {n:|its|their} "
        "coordinates; the coordinates were used"
    ),
}

STRUCTURES: Mapping[str, Code] = {
    "LUNGS-OVERLAP": review(
        "{n:voxel is|voxels are} labelled as both lungs, and {n:|was|were} assigned to the "
        "first structure read"
    ),
    "SEGMENT-SIDES-DISAGREE": review(
        "{n:segment is|segments are} named as one lung and coded as the other; the code was used",
        "Check the sides of the mask.",
    ),
    "NO-SIDES": ok(
        "the mask has no labels of right and left; both lungs are measured together",
        "Give a mask with 1 right and 2 left where each lung is wanted.",
    ),
    "ONE-LUNG": review("the labels contain a {lung} only"),
    "LUNG-DERIVED": repaired(
        "the labels have no {lung}; it was derived as both lungs without the {other}"
    ),
    "LUNG-REPEATED": repaired("{n} structures named as the {lung} are identical; one was used"),
    "LUNG-TWICE": refusal(
        "{n} structures are named as the {lung} and differ in {voxels} voxels", "Keep one of them."
    ),
    "LUNG-PARTIAL": refusal(
        "only part of the {lung} is labelled: {names} (~ marks a partial structure, AAPM TG-263)",
        "Give whole lungs.",
    ),
    "ROI-NUMBER": refusal(
        "the {lung} has no ROI number of its own, so its contours may be of another structure",
        "Export the structure set again.",
    ),
    "LUNG-EMPTY": refusal(
        "the {lung} has {n} {items} but encloses no voxel of this volume",
        "Check that it was drawn on this series.",
    ),
    "LOBES-MISSING": review(
        "the {lung} is made of {found} without {missing}", "Check that no lobe is missing."
    ),
    "LUNG-NOT-DRAWN": review(
        "an algorithm made {names} and drew no contour, so the mask is empty",
        "Check whether lung is missing.",
    ),
    "LUNG-NAMES-WITH-ADDITIONS": repaired(
        "{names} were taken for lungs; words for AI, products, versions and numbers in front of "
        "these names were ignored"
    ),
    "LUNG-NAMES-UNUSED": ok("structures with names close to a lung were not used: {names}"),
    "NO-LUNG": refusal(
        "no structure is a lung, by code or by name{near}",
        "Name the lungs Lung_R and Lung_L, or Lungs (AAPM TG-263).",
    ),
}

OBJECTS: Mapping[str, Code] = {
    "FRAME-OF-REFERENCE": refusal(
        "the labels lie in the frame of reference of another scan", SAME_SERIES
    ),
    "LABELS-JOINED": repaired("the labels reference no series here; they were matched by {by}"),
    "LABEL-OBJECT-BROKEN": refusal(
        "the DICOM label object is corrupt", "Fetch or export it again."
    ),
    "LABELS-OF-NO-SERIES": refusal(
        "the labels reference no CT series of this folder", "Check which series they belong to."
    ),
    "LABELS-AMBIGUOUS": refusal(
        "the labels fit {n} CT volumes by {by}", "Give them with --masks, named by case."
    ),
    "LABELS-ARCHIVED": refusal(
        "the labels are in an archive, where only CT is read in place", "Unpack it."
    ),
    "MASKS-SEVERAL": refusal("the folder has {n} masks of this case", "Keep the right one."),
    "CONTOURS-ELSEWHERE": refusal("no contour of a lung lies within the volume", SAME_SERIES),
    "NOT-ON-SERIES": refusal(
        "the mask does not lie on the series that it should reference", SAME_SERIES
    ),
    "NO-UIDS": refusal(
        "UIDs that labels in DICOM must reference are missing, or are not digits and dots",
        "Write NIfTI instead, or export the series with valid UIDs.",
    ),
    "NOT-LABELS": refusal(
        "the DICOM file is not a segmentation or a structure set", "Give a SEG or RTSTRUCT object."
    ),
    "NEEDS-GRID": refusal(
        "{kind} has no grid of its own", "Give the volume that it belongs to (evaluate: --grid)."
    ),
}

FILES: Mapping[str, Code] = {
    "MASK-FORMAT": refusal("{found} is not a format that pleura reads; expected one of {known}"),
    "MASK-NOT-A-FILE": refusal(
        "the image is not a regular file", "Give a file, not a pipe or a device."
    ),
    "MASK-UNREADABLE": refusal(
        "the file cannot be read: {problem}", "Check its permissions and the disk."
    ),
    "MASK-DATA-ELSEWHERE": refusal(
        "the header names voxels that are not in one file beside it",
        "Keep header and data in one folder.",
    ),
    "MASK-TOO-LARGE": refusal(
        "the header states {size_gb:.1f} GB of voxels, more than the limit of {limit_gb:.1f} GB",
        "Check the file.",
    ),
    "MASK-TRUNCATED": refusal(
        "the file is truncated: {found} bytes of {expected}", "Export it again."
    ),
    "MASK-TOO-LONG": refusal(
        "the file has more voxels than the {expected} bytes of its header", "Export it again."
    ),
    "MASK-SHAPE": refusal("the mask has {found} voxels, the volume {expected}", SAME_SERIES),
    "MASK-VALUES": refusal(
        "the mask has {found} where labels are expected",
        "Export it as whole numbers; apply a threshold to a map of probabilities first.",
    ),
    "MASK-LABELS": refusal(
        "the mask has the values {found}; expected 0, 1 right, 2 left, or 0 and 1{hint}"
    ),
    "MASK-UNLISTED": refusal(
        "the mask has the values {found}, which the file of names does not list",
        "Use the file of names that belongs to this mask, or --mapping.",
    ),
    "NPZ-VALUES": refusal("the NPZ mask has the values {found}; expected 0 and one other"),
    "NPZ-NO-MASKS": refusal("the NPZ file has no array named {key}"),
    "IMAGE-CORRUPT": refusal("the {format} file is corrupt", "Export it again."),
    "IMAGE-NOT-DOWNLOADED": refusal(
        "the file is {found}, not an image",
        "Download it again, a Git LFS pointer by git lfs pull.",
    ),
    "IMAGE-DIMENSIONS": refusal("the image has {found}; expected three dimensions"),
    "IMAGE-LAYERS": refusal(
        "the image has {n} layers and no names of segments", "Save the labels as one layer."
    ),
    "IMAGE-TYPE": refusal(
        "the voxels have the type {found}", "Export them as whole or real numbers."
    ),
    "IMAGE-GEOMETRY": refusal(
        "the image has no usable geometry (space, space directions, spacing, orientation)",
        "Export it again.",
    ),
    "IMAGE-SPACING": refusal(
        "the voxels measure {found} mm; expected {low:g} to {high:g} mm",
        "Check the units of the file (xyzt_units of NIfTI, space units of NRRD).",
    ),
    "IMAGE-NOT-HU": refusal(
        "the image has {found}, which are not HU", "Export CT in Hounsfield units."
    ),
    "IMAGE-IS-LABELS": refusal(
        "the image is a label map, not CT", "Give it with --masks, or leave it out."
    ),
    "IMAGE-PAIR": refusal("NIfTI in two files (.hdr, .img) is not read", "Convert it to .nii.gz."),
    "NIFTI-NO-ORIENTATION": refusal(
        "the NIfTI file has neither qform nor sform, so its sides are unknown",
        "Convert the DICOM series again; save a mask with the affine of its CT.",
    ),
    "NIFTI-ORIENTATIONS-DISAGREE": refusal(
        "qform and sform of the NIfTI file run different ways, so its sides are unknown",
        "Convert the DICOM series again; save a mask with the affine of its CT.",
    ),
    "NIFTI-SIZES-DISAGREE": refusal(
        "qform and sform of the NIfTI file give different voxel sizes ({by_qform} and {by_sform}), "
        "so its volumes are unknown",
        "Convert the DICOM series again; save a mask with the affine of its CT.",
    ),
}

GRIDS: Mapping[str, Code] = {
    "GRID-MISMATCH": refusal(
        "the mask does not lie on the voxels of the {other}: mask {mask}; {other} {volume}",
        "Give a mask made on this series; evaluate takes --resample.",
    ),
    "SEGMENTS-TOO-MANY": refusal(
        "the segmentation has {n} segments (limit {limit})", "Export the lungs alone."
    ),
    "SEG-FRAMES": refusal(
        "the segmentation describes {described:frame|frames} (PerFrameFunctionalGroupsSequence); "
        "its NumberOfFrames is {stated}",
        "Fetch or export it again.",
    ),
    "SEG-PIXELS": refusal(
        "the segmentation is truncated: {found} bytes of pixels, {expected} expected for "
        "{n:frame|frames}",
        "Fetch or export it again.",
    ),
    "SEG-LACKS": refusal(
        "{what} has no usable {keyword}, so its voxels cannot be placed",
        "Export it with its geometry, or give NIfTI instead.",
    ),
    "SEG-UNEVEN": refusal(
        "the segmentation's frames are not parallel or not evenly spaced, so it has no grid of "
        "its own",
        "Give the volume that it belongs to (evaluate: --grid).",
    ),
    "GRID-BEYOND": refusal(
        "{n:labelled voxel lies|labelled voxels lie} outside of the volume", SAME_SERIES
    ),
}

LABELS: Mapping[str, Code] = {**CONTOURS, **STRUCTURES, **OBJECTS, **FILES, **GRIDS}
