"""The outcome of an audit of a whole output: counts, codes and tag paths, and no value."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from pleura.audit.check import passes
from pleura.core.findings import Finding
from pleura.files.accounting import Accounting


@dataclass(frozen=True)
class Judged:
    """One file of the output: its number in sorted order, its name (to be shown on request
    only), its SOP class, findings.
    """

    number: int
    name: str
    sop_class: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Tree:
    """One side of an audit: what became of its files, and a digest of their content (SHA-256
    over the sorted SHA-256).
    """

    accounting: Accounting
    digest: str

    def as_json(self) -> dict[str, Any]:
        """Plain values: counts and `sha256`."""
        return {**self.accounting.as_json(), "sha256": self.digest}


@dataclass(frozen=True)
class Report:
    """The outcome of `verify_tree`: counts and tag paths, and no value.

    `files` is how many of the output were judged, `sources` how many DICOM files the input has,
    `published` how many of those have an output. `input` and `output` account for every file of
    both; `declared` are the codes of options (PS3.16 CID 7050) that any file declares.
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
        """How many files each finding was made in."""
        total: dict[str, int] = defaultdict(int)
        for one in self.judged:
            for seen in one.findings:
                total[seen.code] += 1
        for seen in self.between:
            total[seen.code] += seen.evidence.get("count", 1)
        return dict(sorted(total.items()))

    def as_json(self, *, paths: bool = False) -> dict[str, Any]:
        """Plain values for JSON. With `paths`, the names of files that something was found in:
        they can identify.
        """
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
            "found": [
                {
                    "file": one.number,
                    **({"name": one.name} if paths else {}),
                    "sop_class": one.sop_class,
                    "findings": [seen.as_json() for seen in one.findings],
                }
                for one in self.judged
                if one.findings
            ],
        }
