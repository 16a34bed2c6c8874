"""One entry of the table of codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pleura.core.findings import Verdict

OK_OR_REVIEW = (Verdict.OK, Verdict.REVIEW)
"""Verdicts of a code that informs, and sometimes asks for a look."""


@dataclass(frozen=True)
class Code:
    """What a finding means.

    `verdicts` are the verdicts it can have, the usual one first. `sentence` is a `str.format`
    template over the finding's evidence: what happened, what was found and what was expected.
    `remedy` says what the user can do.
    """

    verdicts: tuple[Verdict, ...]
    sentence: str
    remedy: str = ""

    def message(self, evidence: Mapping[str, Any]) -> str:
        """The sentence filled in, and the remedy after it."""
        sentence = self.sentence.format(**evidence)
        return f"{sentence}. {self.remedy}" if self.remedy else sentence


def ok(sentence: str, remedy: str = "") -> Code:
    """A code that only informs."""
    return Code((Verdict.OK,), sentence, remedy)


def repaired(sentence: str, remedy: str = "") -> Code:
    """A code for what pleura corrected."""
    return Code((Verdict.REPAIRED,), sentence, remedy)


def review(sentence: str, remedy: str = "") -> Code:
    """A code for what a person must look at."""
    return Code((Verdict.REVIEW,), sentence, remedy)


def refusal(sentence: str, remedy: str = "") -> Code:
    """A code for what cannot be used."""
    return Code((Verdict.REFUSED,), sentence, remedy)
