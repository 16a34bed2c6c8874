"""The result of an audit of a whole output: counts, codes and tag paths, never values."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from pleura.audit.check import passes
from pleura.core.findings import Finding
from pleura.files.accounting import Accounting


@dataclass(frozen=True)
class Judged:
    """One checked file; `number` is its position in sorted order, `name` is shown on request."""

    number: int
    name: str
    sop_class: str
    findings: tuple[Finding, ...]

    def as_json(self, *, paths: bool) -> dict[str, Any]:
        """Plain values for JSON; the name only with `paths`."""
        name = {"name": self.name} if paths else {}
        findings = [finding.as_json() for finding in self.findings]
        return {"file": self.number, **name, "sop_class": self.sop_class, "findings": findings}


@dataclass(frozen=True)
class Tree:
    """One side of an audit: what became of its files, and a digest of their content.

    The digest is SHA-256 over the sorted SHA-256 digests of the files.
    """

    accounting: Accounting
    digest: str

    def as_json(self) -> dict[str, Any]:
        """Plain values: counts and `sha256`."""
        return {**self.accounting.as_json(), "sha256": self.digest}


@dataclass(frozen=True)
class Report:
    """The result of `verify_tree`: counts and tag paths, never values.

    `files` counts the checked files of the output, `sources` the DICOM files of the input, and
    `published` those of the sources that have an output. `input` and `output` account for every
    file of both sides; `declared` holds the option codes (PS3.16 CID 7050) that any file declares.
    """

    files: int
    sources: int
    published: int
    judged: tuple[Judged, ...]
    between: tuple[Finding, ...]
    input: Tree
    output: Tree
    declared: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return passes(self.between) and all(passes(one.findings) for one in self.judged)

    def counts(self) -> dict[str, int]:
        """Number of files in which each finding was made, by code."""
        total: dict[str, int] = defaultdict(int)
        for one in self.judged:
            for seen in one.findings:
                total[seen.code] += 1
        for seen in self.between:
            total[seen.code] += seen.evidence.get("count", 1)
        return dict(sorted(total.items()))

    def as_json(self, *, paths: bool = False) -> dict[str, Any]:
        """Plain values for JSON; with `paths` also names of files, which can identify."""
        return {
            "format": "pleura-verify/2",
            "clean": self.clean,
            "files": self.files,
            "sources": self.sources,
            "published": self.published,
            "input": self.input.as_json(),
            "output": self.output.as_json(),
            "counts": self.counts(),
            "between": [seen.as_json() for seen in self.between],
            "found": [one.as_json(paths=paths) for one in self.judged if one.findings],
        }
