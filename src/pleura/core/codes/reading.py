"""Reading CT: files, objects, headers and pixels."""

from collections.abc import Mapping
from types import MappingProxyType

from pleura.core.codes.code import OK_OR_REVIEW, Code, ok, refusal, review
from pleura.core.findings import Verdict

ARCHIVE_PROBLEMS: Mapping[str, str] = MappingProxyType(
    {
        "bomb": "expands to more than 100 times its size (possible zip bomb)",
        "broken": "corrupt or truncated",
        "encrypted": "password-protected",
        "many": "more files than the limit of 100,000, or than its size allows",
        "member-large": "a file in the archive is larger than 1 GiB",
        "method": (
            "compressed with a method that is not supported (Deflate64, as Windows uses for large "
            "files?)"
        ),
        "nested": "an archive inside an archive",
        "overlap": "files in the archive overlap (possible zip bomb)",
        "unsupported": (
            "archive format not supported (zip, tar, tar.gz, tar.bz2, tar.xz and .dcm.gz are)"
        ),
        "volumes": "one volume of an archive in several files",
    }
)
"""Why an archive, or a file in it, was not read: the words of `ARCHIVE-REFUSED`."""

FILES: Mapping[str, Code] = {
    "UNREADABLE-FILES": refusal(
        "{n:DICOM file has|DICOM files have} a broken or truncated header",
        "Copy or export such files again.",
    ),
    "CLOSED-FILES": refusal(
        "permission denied for {n:file|files}", "Grant read permission and run again."
    ),
    "CLOSED-FOLDERS": refusal(
        "permission denied for {n:folder|folders}, whose content is unknown",
        "Grant read permission and run again.",
    ),
    "READ-ERROR": refusal(
        "{n:file or folder|files or folders} cannot be read (disk error, or a path "
        "that is too long)",
        "Copy such files again, to a shorter path where theirs is long.",
    ),
    "FILE-TOO-LARGE": refusal(
        "{n:file is|files are} larger than any DICOM object (5 GiB)", "Export the series again."
    ),
    "SPARSE-FILE": refusal(
        "{n:file occupies|files occupy} less than a hundredth of the size on disk: the rest "
        "was never written",
        "Copy such files again.",
    ),
    "EMPTY-FILE": refusal(
        "{n:file named as DICOM is|files named as DICOM are} empty, zeros, a "
        "Git LFS pointer or a web page: the content was lost, or never downloaded",
        "Copy or download such files again.",
    ),
    "SPECIAL-FILE": refusal(
        "{n:named pipe, socket or device|named pipes, sockets or devices}; only regular "
        "files are read",
        "Remove such files from IN.",
    ),
    "SYMLINK-LOOP": refusal(
        "{n:symbolic link leads to itself or to a folder above it|"
        "symbolic links lead to themselves or to a folder above them}",
        "Remove such links from IN.",
    ),
    "BROKEN-LINK": refusal(
        "{n:symbolic link leads|symbolic links lead} to a file or folder that does not exist",
        "Restore what such links lead to.",
    ),
    "FILES-MISSING": refusal(
        "{n:file that DICOMDIR lists does|files that DICOMDIR lists do} not exist",
        "Copy the whole medium again, or remove DICOMDIR where the rest is complete.",
    ),
    "ARCHIVE-REFUSED": refusal(
        "{n:archive or file in it|archives or files in them} not read: {why}",
        "Extract the archive first.",
    ),
}
"""Files that could not be read."""


OBJECTS: Mapping[str, Code] = {
    "LABEL-OBJECT": ok("{kind}: labels, not an image"),
    "NOT-CT": refusal("not a CT image but {kind}; not used for lungs"),
    "UID-SHARED": Code(
        OK_OR_REVIEW,
        "{n} series share this SeriesInstanceUID: study, frame of reference, modality or scanner "
        "differ{note}",
    ),
    "MODALITY-DISAGREES": review(
        "Modality is {modality}, but the SOP class is a CT image", "Check what this object is."
    ),
}
"""What an object is."""

_OF_SLICES = "{n} of {total} slices "
_OF_SLICES_HAVE = _OF_SLICES + "{n:|has|have} "
NOT_GREYSCALE = _OF_SLICES + "{n:|is|are} not 10- to 16-bit greyscale"
"""Why `NOT-HU` (see `codes.quality`) refuses a series by its headers."""

HEADERS: Mapping[str, Code] = {
    "LOCALIZER": refusal(_OF_SLICES + "{n:|is a localizer|are localizers}, not a volume"),
    "PRIVATE-COMPRESSION": refusal(
        _OF_SLICES + "{n:|stores its|store their} pixels in a private element ({name}), which only "
        "its vendor can decode",
        "Export the series uncompressed (Explicit VR Little Endian) from the scanner or its "
        "workstation.",
    ),
    "NO-PIXELS": refusal(
        _OF_SLICES_HAVE + "no pixel data: truncated, or exported without it",
        "Export such slices again.",
    ),
    "TRUNCATED": refusal(
        _OF_SLICES_HAVE + "fewer pixels, or other frames, than the header declares",
        "Export such slices again.",
    ),
    "SIZE-DISAGREES": refusal(
        _OF_SLICES_HAVE + "more pixels than Rows and Columns declare; one of these is wrong",
        "Export such slices again.",
    ),
    "SYNTAX-DISAGREES": refusal(
        _OF_SLICES
        + "{n:|contains|contain} compressed pixel data under an uncompressed transfer syntax",
        "Export such slices again.",
    ),
    "NO-POSITION": refusal(
        _OF_SLICES_HAVE + "a missing or implausible ImagePositionPatient",
        "Export the series again.",
    ),
    "NO-ORIENTATION": refusal(
        _OF_SLICES_HAVE + "no ImageOrientationPatient", "Export the series again."
    ),
    "BAD-COSINES": refusal(
        _OF_SLICES_HAVE + "direction cosines that are not orthogonal unit vectors",
        "Export the series again.",
    ),
    "NO-SPACING": refusal(
        _OF_SLICES_HAVE + "a missing or implausible PixelSpacing", "Export the series again."
    ),
    "BAD-CELLS": refusal(
        _OF_SLICES_HAVE + "BitsStored, HighBit and BitsAllocated that contradict each other",
        "Export the series again.",
    ),
    "HUGE-IMAGE": refusal(
        _OF_SLICES + "{n:|declares|declare} an impossible size (over 4096 × 4096 pixels, or none)"
    ),
    "NO-RESCALE": refusal(
        _OF_SLICES_HAVE + "no usable RescaleSlope and RescaleIntercept, so no HU",
        "Export the original series.",
    ),
    "ZERO-SLOPE": refusal(_OF_SLICES_HAVE + "RescaleSlope 0", "Export the series again."),
    "RESCALE-NOT-HU": refusal(_OF_SLICES_HAVE + "a RescaleType other than HU"),
    "MAP": refusal(
        _OF_SLICES + "{n:|is a map by its|are maps by their} ImageType (perfusion, difference, "
        "material), not HU",
        "Use the original series.",
    ),
    "MODALITY-LUT": refusal(
        _OF_SLICES + "{n:|uses|use} a Modality LUT, which is not supported",
        "Export with rescale values.",
    ),
    "NO-DECODER": refusal(
        "transfer syntax {names} cannot be decoded",
        "Export the series uncompressed (Explicit VR Little Endian).",
    ),
    "SIGN-UNKNOWN": Code(
        (Verdict.REVIEW, Verdict.REFUSED),
        _OF_SLICES + "{n:|lacks|lack} PixelRepresentation; read as unsigned",
        "Export the series again.",
    ),
    "PART-MISSING": refusal(
        "part {parts} of {total} of this concatenation is missing", "Export the series again."
    ),
    "LOSSY": ok("lossy compression{note}: HU values and fine detail are altered"),
    "CELLS-DIFFER": review(
        "BitsStored, HighBit or PixelRepresentation change along the series",
        "Check that all slices are of one reconstruction.",
    ),
    "PATIENTS-DIFFER": review(
        "{n} different PatientIDs in the series", "Check that all slices are of one patient."
    ),
    "NOT-AN-ADULT": review(
        "{attribute} describes {whom}; pleura was measured on adults only",
        "Look at the outlines before you use masks and numbers.",
    ),
    "CONE-BEAM": review(
        "a cone-beam CT by its {attribute}; its values are only near to HU, and pleura was never "
        "measured on such images",
        "Look at the outlines before you use masks and numbers.",
    ),
    "MONOCHROME1": ok("MONOCHROME1: display inverted; values are HU"),
    "RESCALE-DIFFERS": ok("rescale parameters vary between slices and were applied per slice"),
    "MIXED-SYNTAX": ok("transfer syntaxes vary between slices and were decoded per slice"),
    "PROJECTION": review(
        "{attribute}: projected or averaged from other slices", "Use the original slices."
    ),
    "DERIVED": ok("ImageType: derived (reformatted or processed), not as reconstructed"),
}
"""What the headers of slices say."""

PIXEL_PROBLEMS: Mapping[str, str] = MappingProxyType(
    {
        "truncated": "pixel data are truncated",
        "corrupt": "{name} frame is corrupt or truncated",
        "size": "{name} frame has size {found}, but the header declares {declared}",
        "no decoder": "transfer syntax {name} cannot be decoded. Export the series uncompressed",
        "depth": "BitsAllocated is {found}; expected 8, 16 or 32",
        "cells": "BitsStored, HighBit and BitsAllocated contradict each other",
        "not encapsulated": (
            "pixel data are not encapsulated, although the transfer syntax is a compressed one"
        ),
        "frame": "a frame cannot be located in the file",
        "bomb": "the deflated file expands to more than its header declares",
        "deflate": "the deflated file is corrupt",
    }
)
"""Why pixels cannot be read: the words of `UNREADABLE-PIXELS`."""

PIXELS: Mapping[str, Code] = {"UNREADABLE-PIXELS": refusal("{why}", "Export the series again.")}

READING: Mapping[str, Code] = {**FILES, **OBJECTS, **HEADERS, **PIXELS}
