"""`pleura verify`: the independent audit of de-identified output, ours or any other tool's."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pleura.core.atomic import clear_dead_parts
from pleura.core.codes import CODES
from pleura.core.errors import Exit, OutputFailed, UsageError
from pleura.core.progress import Progress, silent
from pleura.core.results import Table
from pleura.core.text import counted, visible
from pleura.store.remote import on_folders

if TYPE_CHECKING:
    from pleura.audit.report import Report

KEY_BYTES = 4096
FOUND = "Identifiers found: do not share this output"
UNREAD = "Some files could not be read, so nothing is proved: do not share this output yet"
UNREAD_CODES = frozenset({"INPUT-UNREAD", "OUTPUT-UNREAD", "REPORT-KEEPS"})


@dataclass(frozen=True)
class VerifyResult:
    """What the audit found: counts and tag paths, no value; with `paths` also names of files."""

    report: "Report"
    paths: bool = False
    certificate: tuple[Path, ...] = ()

    @property
    def exit_code(self) -> Exit:
        return Exit.OK if self.report.clean else Exit.SOME_FAILED

    def as_json(self) -> Any:
        """The report; its form is in docs/formats.md."""
        return self.report.as_json(paths=self.paths)

    def table(self) -> Table | None:
        """One row for each kind of finding."""
        rows = tuple(
            (code, str(count), CODES[code].sentence) for code, count in self.report.counts().items()
        )
        return Table("Found", ("finding", "files (n)", "what it means"), rows) if rows else None

    def notes(self) -> list[str]:
        report = self.report
        lines = [
            f"input: {report.input.accounting.sentence()}",
            f"output: {report.output.accounting.sentence()}",
        ]
        unpublished = report.sources - report.published
        if unpublished:
            lines.append(
                f"no output for {counted(unpublished, 'file', 'files')} of the input; a tool "
                "may refuse what it cannot make safe"
            )
        kept = report.counts().get("REPORT-KEEPS", 0)
        if kept:
            lines.append(
                f"profile report, in {counted(kept, 'file', 'files')}, leaves dates, UIDs, places, "
                "staff and text: not anonymous"
            )
        if self.paths:
            for one in report.judged:
                lines += [f"{visible(one.name)}: {found.code}" for found in one.findings]
        if self.certificate:
            lines.append(f"certificate: {self.certificate[-1]}")
        if not report.clean:
            listed = ", ".join(f"{code} {count}" for code, count in report.counts().items())
            lines.append(f"{_outcome(report)} ({listed})")
        elif kept:
            lines.append("the four rules of profile report are kept")
        else:
            lines.append("nothing was found")
        return lines


@on_folders
def verify(
    source: Path,
    out: Path,
    *,
    key: Path | None = None,
    certificate: Path | None = None,
    paths: bool = False,
    progress: Progress = silent,
) -> VerifyResult:
    """Check de-identified output for remaining identifiers.

    Every file of OUT is read again, by code that shares nothing with the code that wrote it: its
    bytes are searched for the names, ids, dates and UIDs of the input in every encoding and
    spelling; pixels and technical values are compared; references, patients and dates are followed
    across files. Each file is checked by the profile and options that it declares. Works on any
    tool's output.

    Args:
        source: The input as it was: a folder, an archive (zip, tar), a DICOMDIR, or one file.
        out: The output to check, of the same kinds; nothing is written to it.
        key: File with the key of the de-identification: it must not be found in OUT.
        certificate: Where to write the certificate, without suffix: PATH.html and PATH.json.
            Default OUT.verification beside OUT.
        paths: Show the names of files with findings. They can identify patients.

    Returns:
        What was found; exit code 0 only where nothing was.

    Raises:
        UsageError: a path does not exist, or the key or certificate cannot be what was given.
        NothingUsable: there are no DICOM files in IN or in OUT.
    """
    from pleura.audit.tree import verify_tree
    from pleura.store.layout import beside
    from pleura.store.places import check_beside

    for name, path in (("IN", source), ("OUT", out)):
        if not path.exists():
            raise UsageError(f"verify: {name} does not exist; check the path given for it")
    if key is not None and not (key.is_file() and key.stat().st_size <= KEY_BYTES):
        raise UsageError("verify: the key is not a small regular file; check the path given for it")
    place = certificate or beside(out, "verification")
    check_beside({"certificate": place}, source, out, {"certificate": certificate})
    for suffix in ("json", "html"):
        clear_dead_parts(place.parent, f"-{place.name}.{suffix}")
    report = verify_tree(source, out, key=key, progress=progress)
    try:
        written = _certificate(report).write(place)
    except OutputFailed:
        if certificate is not None:
            raise
        written = ()
    return VerifyResult(report, paths, written)


def _outcome(report: "Report") -> str:
    """The result in one sentence."""
    if report.clean:
        return "nothing was found"
    return UNREAD if UNREAD_CODES.issuperset(report.counts()) else FOUND


def _certificate(report: "Report") -> Any:
    from pleura.publishing.certificate import Certificate, not_covered, option_words

    kept = "REPORT-KEEPS" in report.counts()
    facts = {
        "files_checked": report.files,
        "files_of_the_input_published": f"{report.published} of {report.sources}",
        "input": report.input.as_json(),
        "output": report.output.as_json(),
    }
    options = option_words(report.declared)
    if not options:
        options = ["profile report (four rules)" if kept else "none declared"]
    return Certificate(
        title="Verification of de-identified DICOM files",
        outcome=_outcome(report),
        facts=facts,
        options=options,
        counts=report.counts(),
        not_covered=not_covered(report=kept),
        command="pleura verify IN OUT --key KEY",
    )
