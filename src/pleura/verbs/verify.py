"""`pleura verify`: the independent audit of de-identified output, ours or any other tool's."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pleura.core.errors import Exit, UsageError
from pleura.core.progress import Progress, silent
from pleura.core.results import Table

if TYPE_CHECKING:
    from pleura.audit.tree import Report


@dataclass(frozen=True)
class VerifyResult:
    """What the audit found: counts and tag paths, never a value."""

    report: "Report"

    @property
    def exit_code(self) -> Exit:
        return Exit.OK if self.report.clean else Exit.SOME_FAILED

    def as_json(self) -> Any:
        """The report; its form is in docs/formats.md."""
        return self.report.as_json()

    def table(self) -> Table | None:
        """One row for each kind of finding."""
        from pleura.core.codes import CODES

        rows = tuple((code, str(count), CODES[code].sentence) for code, count in self.report.counts().items())
        return Table("Found", ("finding", "files (n)", "what it means"), rows) if rows else None

    def notes(self) -> list[str]:
        report = self.report
        unpublished = report.sources - report.published
        lines = [f"{report.files} files of the output read and searched; {report.sources} DICOM files in the input"]
        if unpublished:
            lines.append(f"{unpublished} files of the input have no output; a tool may refuse what it cannot make safe")
        kept = report.counts().get("REPORT-KEEPS", 0)
        if kept:
            lines.append(f"{kept} files are by profile report, which leaves dates, UIDs, places, staff and text: not anonymous")
        if report.clean:
            lines.append("the four rules of the report are kept" if kept else "nothing was found")
        else:
            lines.append("Identifiers found: do not share this output")
        return lines


def verify(source: Path, out: Path, *, key: Path | None = None, progress: Progress = silent) -> VerifyResult:
    """Check de-identified output for remaining identifiers.

    Every file of OUT is read again, without the code that wrote it: its bytes are searched for the names, ids, dates and
    UIDs of the input in every encoding; pixels and technical values are compared; references, patients and dates are
    followed across files. Each file is judged by the profile and options that it declares. Works on any tool's output.

    Args:
        source: Folder with the files as they were.
        out: Folder to search; nothing is written to it.
        key: File with the key of the de-identification: it must not be found in OUT.

    Returns:
        What was found; exit code 0 only where nothing was.

    Raises:
        UsageError: a path does not exist.
        NothingUsable: there is no DICOM file in one of the folders.
    """
    from pleura.audit.tree import verify_tree

    for name, path in (("IN", source), ("OUT", out)):
        if not path.is_dir():
            raise UsageError(f"verify: {name} is not a folder; check the path given for it")
    if key is not None and not key.is_file():
        raise UsageError("verify: the key is not a file; check the path given for it")
    return VerifyResult(verify_tree(source, out, key=key, progress=progress))
