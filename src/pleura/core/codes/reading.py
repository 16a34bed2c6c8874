"""Reading CT: files, headers, stacks."""

from collections.abc import Mapping
from types import MappingProxyType

from pleura.core.codes.code import Code, refusal

ARCHIVE_PROBLEMS: Mapping[str, str] = MappingProxyType(
    {
        "bomb": "expands to more than 100 times its size (possible zip bomb)",
        "broken": "corrupt or truncated",
        "encrypted": "password-protected",
        "many": "more files than the limit of 100,000",
        "member-large": "a file in the archive is larger than 1 GiB",
        "nested": "an archive inside an archive",
        "overlap": "files in the archive overlap (possible zip bomb)",
        "unsupported": "archive format not supported (zip, tar, tar.gz, tar.bz2, tar.xz and .dcm.gz are)",
    }
)
"""Why an archive, or a file in it, was not read: the words of `ARCHIVE-REFUSED`."""

FILES: Mapping[str, Code] = {
    "UNREADABLE-FILES": refusal("{n} DICOM file(s) have a broken or truncated header", "Copy or export them again."),
    "CLOSED-FILES": refusal("permission denied for {n} file(s)", "Grant read permission and run again."),
    "CLOSED-FOLDERS": refusal(
        "permission denied for {n} folder(s), whose content is unknown",
        "Grant read permission and run again.",
    ),
    "READ-ERROR": refusal("disk error while reading {n} file(s) or folder(s)", "Copy them again."),
    "FILE-TOO-LARGE": refusal("{n} file(s) are larger than any DICOM object (5 GiB)", "Export the series again."),
    "SPARSE-FILE": refusal(
        "{n} file(s) occupy less than a hundredth of their size on disk: the rest was never written",
        "Copy them again.",
    ),
    "SPECIAL-FILE": refusal("{n} named pipe(s), socket(s) or device(s); only regular files are read", "Remove them from IN."),
    "SYMLINK-LOOP": refusal("{n} symbolic link(s) lead to themselves or to a folder above them", "Remove them from IN."),
    "BROKEN-LINK": refusal("{n} symbolic link(s) lead to a file or folder that does not exist", "Restore what they lead to."),
    "ARCHIVE-REFUSED": refusal("{n} archive(s) or file(s) in them not read: {why}", "Extract the archive first."),
}
"""Files that could not be read."""

READING: Mapping[str, Code] = {**FILES}
