"""What checks of an input found (`Finding`), and how far it can be used (`Verdict`)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import Any

from pleura.core.text import joined


class Verdict(IntEnum):
    """How far an input can be used. Ordered, so `max` is the verdict of a batch."""

    OK = 0
    REPAIRED = 1
    REVIEW = 2
    REFUSED = 3

    @property
    def word(self) -> str:
        """The verdict as written: `ok`, `repaired`, `review`, `refused`."""
        return self.name.lower()


@dataclass(frozen=True)
class Finding:
    """One observation about an input.

    `code` is stable (`GAP-IN-SLICES`) and documented; `verdict` is what it means for use; `message`
    is one sentence with the reason and, where there is one, the remedy; `evidence` holds the
    numbers. No finding holds an identifying value.
    """

    code: str
    verdict: Verdict
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "evidence", MappingProxyType(dict(self.evidence)))

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON: `code`, `verdict`, `message`, `evidence`."""
        return {
            "code": self.code,
            "verdict": self.verdict.word,
            "message": self.message,
            "evidence": dict(self.evidence),
        }

    # a mapping proxy does not pickle, and workers are spawned
    def __reduce__(self) -> tuple[Any, ...]:
        return (Finding, (self.code, self.verdict, self.message, dict(self.evidence)))


def worst(findings: Iterable[Finding]) -> Verdict:
    """The worst verdict of the findings; `OK` where there is none."""
    return max((finding.verdict for finding in findings), default=Verdict.OK)


def refusing_code(findings: Iterable[Finding]) -> str:
    """The code of the first finding that refuses; empty where none does."""
    return next((one.code for one in findings if one.verdict is Verdict.REFUSED), "")


def reason(findings: Iterable[Finding]) -> str:
    """The sentence of the finding that decided, preceded by its code; empty where all is well."""
    listed = list(findings)
    level = worst(listed)
    if level is Verdict.OK:
        return ""
    return joined([f"{f.code}: {f.message}" for f in listed if f.verdict is level])
