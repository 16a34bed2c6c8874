"""One fault of the field trial and the probe that tries it again."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pleura.core.errors import PleuraError

Probe = Callable[[Path], str]
AT_ONCE = "right at once"
"""What siblings say that never went wrong."""


class NotTried(Exception):
    """What a probe needs is not on this machine."""


@dataclass(frozen=True)
class FieldCase:
    """A fault.

    `fault` is its number, `given` the input, `before` what version 0.1.0 did, `authority` what says
    that it was wrong. `probe` makes the input in an empty folder and returns what happens now, in
    words without paths, times or UIDs; `right` is a regular expression that these words match.
    `sibling` marks a case of the same kind that the trial did not list; its `before` is what went
    wrong when it was first tried, or `right at once`.
    """

    fault: str
    given: str
    before: str
    authority: str
    right: str
    probe: Probe
    sibling: bool = False

    def seen(self, folder: Path) -> str:
        """What happens now; a refusal is an outcome too."""
        try:
            return self.probe(folder)
        except PleuraError as error:
            return refusal(error)

    def is_right(self, seen: str) -> bool:
        """Whether the outcome is the declared one."""
        return re.search(self.right, seen, re.DOTALL) is not None


def refusal(error: PleuraError) -> str:
    """A refusal in words, with its code where it has one."""
    code = getattr(error, "code", "")
    text = str(error).partition(" Give ")[0] if code else str(error)
    return f"refused, {code}: {text}" if code and code not in text else f"refused: {text}"


def collector(
    fault: str, cases: list[FieldCase], *, sibling: bool = False
) -> Callable[..., Callable[[Probe], Probe]]:
    """A decorator that makes a probe a case of a fault, or of its kind."""

    def case(given: str, *, before: str, authority: str, right: str) -> Callable[[Probe], Probe]:
        def add(probe: Probe) -> Probe:
            cases.append(FieldCase(fault, given, before, authority, right, probe, sibling))
            return probe

        return add

    return case


def sibling(
    fault: str, cases: list[FieldCase], authority: str
) -> Callable[..., Callable[[Probe], Probe]]:
    """A decorator that makes a probe a case of a fault's kind that the trial did not list."""

    def case(
        given: str, *, right: str, before: str = AT_ONCE, by: str = authority
    ) -> Callable[[Probe], Probe]:
        def add(probe: Probe) -> Probe:
            cases.append(FieldCase(fault, given, before, by, right, probe, sibling=True))
            return probe

        return add

    return case


def each(folder: Path, acts: Mapping[str, Probe]) -> str:
    """The outcomes of several probes by name, each in a folder of its own."""
    seen = []
    for number, (name, act) in enumerate(acts.items()):
        place = folder / f"part{number}"
        place.mkdir()
        try:
            words = act(place)
        except PleuraError as error:
            words = refusal(error)
        seen.append(f"{name}: {words.replace(f'{place}', '')}")
    return " | ".join(seen)


def row_of(case: FieldCase, seen: str) -> str:
    """The row of a case in docs/field-cases.md."""
    cells = (case.given, case.before, seen, case.authority)
    return f"| {case.fault} | {' | '.join(map(_cell, cells))} |\n"


def rows_of(page: Path) -> dict[tuple[str, str], str]:
    """The rows of the page by fault and input; none where there is no page."""
    rows: dict[tuple[str, str], str] = {}
    for line in page.read_text(encoding="utf-8").splitlines() if page.exists() else ():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 5:
            rows[cells[0], _plain(cells[1])] = f"{line}\n"
    return rows


def _cell(text: str) -> str:
    """Text as a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")


def _plain(cell: str) -> str:
    return cell.replace("&lt;", "<").replace("\\*", "*").replace("\\|", "|")
