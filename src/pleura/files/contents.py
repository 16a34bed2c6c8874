"""The kind of a file by its first bytes: DICOM, an archive, or another kind found beside CT."""

import os
import re
from pathlib import Path, PurePath

from pleura.core.atomic import BOOKKEEPING, PART

DICOM = "DICOM"
DICOMDIR = "DICOMDIR"
LINK = "link"
UNFINISHED = "unfinished output"
RECORDS = "records of a run"
DICOMDIR_CLASS = b"1.2.840.10008.1.3.10"
"""Media Storage Directory Storage: a list of files, which are found without it."""

DATASET_STARTS = (b"\x02\x00", b"\x08\x00", b"\x00\x02", b"\x00\x08")
"""First bytes of a file without preamble: group 0002 or 0008, in either byte order."""

LAST_FIRST_ELEMENT = 0x0070
"""A data set begins with a low element of its group, such as (0008,0005) or (0008,0016)."""

MAGIC = {
    b"%PDF": "pdf",
    b"\xff\xd8\xff": "jpg",
    b"\x89PNG": "png",
    b"GIF8": "gif",
    b"BM": "bmp",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"MZ": "exe",
    b"\x7fELF": "exe",
    b"NRRD": "nrrd",
    b"ObjectType": "mha",
    b"\x93NUMPY": "npy",
    b"\xd0\xcf\x11\xe0": "ole",
    b"<?xml": "xml",
    b"{": "json",
}
"""First bytes of other kinds of files that occur beside CT."""

SUFFIXES = frozenset(
    "bat bin bmp bvec cfg css csv dat db dcm dll doc docx dtd exe gif gz hdr htm html ico ima "
    "img inf ini jar jpeg jpg js json log md mha mhd mp4 nhdr nii nii.gz npy npz nrrd ods odt "
    "pdf png ppt pptx pt pth py raw rtf sh sql svg tif tiff tsv txt whl xls xlsx xml xsl xslt "
    "yaml yml zraw".split()
)
"""Suffixes that may be shown; any other could be part of a name."""

LITTER = frozenset({"thumbs.db", "desktop.ini", ".ds_store", "autorun.inf", "ehthumbs.db"})
"""Files that operating systems leave in folders."""

ARCHIVE_MAGIC = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"7z\xbc\xaf\x27\x1c": "unsupported",
    b"Rar!\x1a\x07": "unsupported",
    b"\x28\xb5\x2f\xfd": "unsupported",
}
"""First bytes of archives and compressed files; `unsupported` are 7z, rar and zstd."""

ARCHIVE_SUFFIXES = {
    ".zip": "zip",
    ".tar": "tar",
    ".iso": "unsupported",
    ".7z": "unsupported",
    ".rar": "unsupported",
}
TAR_SUFFIXES = (".tgz", ".tbz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")
GZIP_SUFFIXES = (".dcm.gz", ".ima.gz", ".dicom.gz")
VOLUME = "volume"
VOLUMES = re.compile(r"\.(z\d\d|r\d\d|part\d+\.rar|(zip|7z|rar|tar|tgz|gz)\.\d{3})$")
"""How tools name the volumes of an archive in several files; the last of a zip is only `.zip`."""
DICOM_SUFFIXES = (".dcm", ".ima", ".dicom")
ZIP_DOCUMENTS = tuple(".docx .xlsx .pptx .odt .ods .jar .npz .pt .pth .whl .mrb .epub".split())
"""Formats that are zip files inside; they are documents, not archives of DICOM."""


def is_dicom(head: bytes) -> bool:
    """Whether a file with these first bytes (132 or more) is DICOM, for all verbs.

    It has `DICM` after a preamble of 128 bytes (PS3.10 7.1), or begins like a data set: group 0002
    or 0008, a low element, then a VR or the high bytes of a short length.
    """
    if head[128:132] == b"DICM":
        return True
    if len(head) < 132 or head[:2] not in DATASET_STARTS:
        return False
    element = int.from_bytes(head[2:4], "little" if head[0] else "big")
    starts_plausibly = head[4:6].isalpha() or head[6:8] == b"\0\0" or head[4:6] == b"\0\0"
    return element <= LAST_FIRST_ELEMENT and starts_plausibly


def is_dicom_file(path: Path) -> bool:
    """Whether a file on disk is DICOM. Raises `OSError` where it cannot be read."""
    with path.open("rb") as file:
        return is_dicom(file.read(132))


def is_dicomdir(head: bytes) -> bool:
    """Whether the meta group of a DICOM file names the class of a DICOMDIR."""
    start = head.find(b"\x02\x00\x02\x00UI", 132, 512)
    if start < 0:
        return False
    length = int.from_bytes(head[start + 6 : start + 8], "little")
    return head[start + 8 : start + 8 + length].strip(b" \0") == DICOMDIR_CLASS


STAND_INS = {
    b"version https://git-lfs": "a Git LFS pointer",
    b"<!doctype html": "a web page",
    b"<html": "a web page",
}
"""How files begin that a failed download leaves in the place of another."""


def stand_in(head: bytes) -> str:
    """What stands in the place of a file that was not downloaded; else empty."""
    begins = head[:64].lstrip().lower()
    return next((found for start, found in STAND_INS.items() if begins.startswith(start)), "")


def has_lost_content(name: str, head: bytes) -> bool:
    """Whether a file is named as DICOM and has no content, or only zeros: a placeholder of a cloud
    folder that was never downloaded, a copy that was interrupted, or another stand-in.

    Args:
        name: the file's name.
        head: its first bytes.
    """
    lowered = PurePath(name).name.lower()
    is_litter = lowered in LITTER or lowered.startswith("._")
    is_lost = not any(head) or bool(stand_in(head))
    return lowered.endswith(DICOM_SUFFIXES) and not is_litter and is_lost


def kind_of(name: str, head: bytes) -> str:
    """The kind of a file that is neither an archive nor refused, for counting.

    It never contains a part of the name that could identify.

    Args:
        name: the file's name.
        head: its first bytes.
    """
    if is_dicom(head):
        if is_dicomdir(head):
            return DICOMDIR
        return DICOM
    lowered = PurePath(name).name.lower()
    if lowered in LITTER or lowered.startswith("._"):
        return "litter"
    if not head:
        return "empty"
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            return kind
    suffix = "nii.gz" if lowered.endswith(".nii.gz") else lowered.rpartition(".")[2]
    if suffix in SUFFIXES and suffix != lowered:
        if suffix in ("dcm", "ima"):
            return f"{suffix} (not DICOM)"
        return suffix
    if _is_text(head):
        return "text"
    return "unknown"


def archive_format(name: str, head: bytes) -> str:
    """The archive format of a file: zip, tar, gzip, bzip2, xz, `volume`, `unsupported`, or empty.

    It is recognised by content, for a broken archive by its suffix.
    """
    lowered = name.lower()
    if lowered.endswith(ZIP_DOCUMENTS):
        return ""
    if VOLUMES.search(lowered):
        return VOLUME
    if head[257:262] == b"ustar":
        return "tar"
    for magic, kind in ARCHIVE_MAGIC.items():
        if head.startswith(magic):
            return kind
    if lowered.endswith((*TAR_SUFFIXES, *GZIP_SUFFIXES)):
        return "gzip"
    return ARCHIVE_SUFFIXES.get(PurePath(lowered).suffix, "")


def _is_text(head: bytes) -> bool:
    return re.search(rb"[\0-\x08\x0e-\x1a]", head) is None


def internal_kind(path: str) -> str:
    """The kind of pleura's own files: unfinished output, or records of a run; empty for others."""
    if f"{os.sep}{PART}" in path:
        return UNFINISHED
    if f"{os.sep}{BOOKKEEPING}{os.sep}" in path:
        return RECORDS
    return ""
