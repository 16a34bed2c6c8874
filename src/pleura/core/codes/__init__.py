"""The one table of finding codes: code -> verdicts, sentence, remedy. `docs/findings.md` is made
from it.

A check names a code and passes the numbers; this table supplies the sentence:

    finding("GAP-IN-SLICES", n=4, low_mm=102.5, high_mm=115.0)
    raise refused("MASK-EMPTY")

Each module beside this one holds the codes of one topic.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pleura.core.codes.code import Code
from pleura.core.codes.deidentification import DEIDENTIFICATION
from pleura.core.codes.labels import LABELS
from pleura.core.codes.quality import QUALITY
from pleura.core.codes.reading import READING
from pleura.core.codes.results import RESULTS
from pleura.core.codes.scores import SCORES
from pleura.core.codes.segmentation import SEGMENTATION
from pleura.core.codes.slices import SLICES
from pleura.core.errors import InputRefused
from pleura.core.findings import Finding, Verdict

TOPICS: Mapping[str, Mapping[str, Code]] = MappingProxyType(
    {
        "Reading CT": READING,
        "Slices of a series": SLICES,
        "Quality of a volume": QUALITY,
        "Labels": LABELS,
        "Finding lungs": SEGMENTATION,
        "De-identification": DEIDENTIFICATION,
        "Results and runs": RESULTS,
        "Scores": SCORES,
    }
)
"""The codes by topic, in the order of `docs/findings.md`."""


def _merge(topics: Mapping[str, Mapping[str, Code]]) -> Mapping[str, Code]:
    merged: dict[str, Code] = {}
    for codes in topics.values():
        twice = merged.keys() & codes.keys()
        if twice:
            raise ValueError(f"codes defined twice: {sorted(twice)}")
        merged |= codes
    return MappingProxyType(merged)


CODES: Mapping[str, Code] = _merge(TOPICS)
"""Every code, by name."""


def finding(code: str, verdict: Verdict | None = None, **evidence: Any) -> Finding:
    """Make the finding of a code.

    Args:
        code: a key of `CODES`.
        verdict: one of the code's verdicts, where it has several; by default its first.
        evidence: the numbers and words of its sentence, also kept in `Finding.evidence`.

    Raises:
        KeyError: the code, or a field of its sentence, is missing.
        ValueError: the code does not have this verdict.
    """
    entry = CODES[code]
    chosen = entry.verdicts[0] if verdict is None else verdict
    if chosen not in entry.verdicts:
        raise ValueError(f"{code} cannot have the verdict {chosen.word}")
    return Finding(code, chosen, entry.message(evidence), evidence)


def refused(code: str, error: type[InputRefused] = InputRefused, **evidence: Any) -> InputRefused:
    """Make the exception that refuses one input, with the code's sentence; `raise
    refused("MASK-EMPTY")`.

    Args:
        code: a key of `CODES` whose verdicts include `REFUSED`.
        error: the class to raise, for callers that distinguish a broken file from an unusable one.
        evidence: the numbers and words of its sentence, also kept in `InputRefused.evidence`.
    """
    made = finding(code, Verdict.REFUSED, **evidence)
    return error(made.message, code=code, evidence=dict(evidence))
