"""One entry of the table of codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

from pleura.core.findings import Verdict
from pleura.core.text import counted

OK_OR_REVIEW = (Verdict.OK, Verdict.REVIEW)
"""Verdicts of a code that informs, and sometimes asks for a look."""


class Sentences(Formatter):
    """Templates in which words follow a number: `{n:slice is|slices are}` gives "1 slice is" or
    "3 slices are", and `{n:|is|are}` the word alone.
    """

    def format_field(self, value: Any, format_spec: str) -> str:
        if "|" not in format_spec:
            return format(value, format_spec)
        *is_word, one, more = format_spec.split("|")
        words = counted(value, one, more)
        return words.partition(" ")[2] if is_word else words


def filled(template: str, evidence: Mapping[str, Any]) -> str:
    """A template with its fields filled in."""
    return Sentences().vformat(template, (), evidence)


@dataclass(frozen=True)
class Code:
    """What a finding means.

    `verdicts` are the verdicts it can have, the usual one first. `sentence` is a template
    (`Sentences`) over the finding's evidence: what happened, what was found and what was expected.
    `remedy` says what the user can do.
    """

    verdicts: tuple[Verdict, ...]
    sentence: str
    remedy: str = ""

    def message(self, evidence: Mapping[str, Any]) -> str:
        """The sentence filled in, and the remedy after it."""
        sentence = filled(self.sentence, evidence)
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
