"""The result of `deidentify`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pleura.core.codes import CODES
from pleura.core.codes.reading import FILES
from pleura.core.errors import Exit
from pleura.core.results import Table, batch_exit
from pleura.core.text import counted, visible
from pleura.files.accounting import Accounting
from pleura.publishing.crop import UNCROPPED

REFUSED, OTHER = "refused ", "other "
"""Keys of counts, before the code of an unreadable file and before a kind that is not copied."""


@dataclass(frozen=True)
class DeidentifyResult:
    """What was written; `units`: folder of OUT to case, series, files, refused, actions."""

    out: Path
    profile: str
    units: Mapping[str, Mapping[str, Any]]
    left: Mapping[str, int]
    option_notes: tuple[str, ...] = ()
    planned: bool = False
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def files(self) -> int:
        """How many objects were written, or would be."""
        return sum(unit["files"] for unit in self.units.values())

    @property
    def refused(self) -> int:
        """How many objects were not written; `notes` gives the reasons."""
        return (
            self.left["unreadable"]
            + sum(count for key, count in self.left.items() if key.startswith((UNCROPPED, REFUSED)))
            + sum(r["files"] for unit in self.units.values() for r in unit["refused"])
        )

    @property
    def accounting(self) -> Accounting:
        """Every file of the input: used, refused by code, or other by kind."""
        refused: Counter[str] = Counter({"PARSE-FAILED": self.left.get("unreadable", 0)})
        other: Counter[str] = Counter({"above the lung apex": self.left.get("cropped", 0)})
        for key, count in self.left.items():
            if key.startswith((UNCROPPED, REFUSED)):
                refused[key.split(" ", 1)[1]] += count
            elif key.startswith(OTHER):
                other[key.removeprefix(OTHER)] += count
        for unit in self.units.values():
            for refusal in unit["refused"]:
                refused[refusal["code"]] += refusal["files"]
        return Accounting(self.files, +refused, +other)

    @property
    def exit_code(self) -> Exit:
        """1 where an object was refused, 3 where none was written."""
        return batch_exit(self.files, self.refused)

    def as_json(self) -> Any:
        """Counts by folder of OUT, and of what was left out. No values of the source."""
        return {
            "profile": self.profile,
            "folders": {name: dict(unit) for name, unit in self.units.items()},
            "files": self.files,
            "refused": self.refused,
            "left": dict(self.left),
            "accounting": self.accounting.as_json(),
        }

    def table(self) -> Table | None:
        """One row for each folder of OUT; of a plan, one row for each attribute and action."""
        if self.planned:
            return self._plan()
        rows = []
        for name, unit in self.units.items():
            verdict = "refused" if unit["refused"] else "ok"
            rows.append((name, unit["case"], str(unit["series"]), str(unit["files"]), verdict))
        columns = ("folder", "case", "series", "files [n]", "verdict")
        return Table(f"De-identified, profile {self.profile}", columns, tuple(rows))

    def _plan(self) -> Table:
        actions: Counter[str] = Counter()
        for unit in self.units.values():
            actions.update(unit["actions"])
        rows = []
        for name, count in sorted(actions.items()):
            tag, action = name.rsplit(" ", 1)
            rows.append((tag, keyword_of(tag), action, str(count)))
        columns = ("attribute", "keyword", "action", "times [n]")
        return Table(f"Plan, profile {self.profile}", columns, tuple(rows))

    @property
    def unread(self) -> Sequence[str]:
        """The codes of files and folders that could not be read."""
        return sorted(key.removeprefix(REFUSED) for key in self.left if key.startswith(REFUSED))

    @property
    def uncropped(self) -> Sequence[str]:
        """The codes for which CT could not be cropped."""
        return sorted(key.removeprefix(UNCROPPED) for key in self.left if key.startswith(UNCROPPED))

    def notes(self) -> Sequence[str]:
        """Each refusal, what was left out, where the output is, and names of refused files."""
        lines = []
        for name, unit in self.units.items():
            for refusal in unit["refused"]:
                code = refusal["code"]
                why = CODES[code].message(refusal["evidence"])
                lines.append(
                    f"{name}: {counted(refusal['files'], 'file', 'files')} refused: {code}: {why}"
                )
        for key, text in self._left_in_words().items():
            if self.left.get(key):
                lines.append(f"{counted(self.left[key], 'file', 'files')} {text}")
        place = [] if self.planned else [f"written to {self.out}"]
        lines += [self.accounting.sentence(), *place, *self.option_notes]
        for code, names in sorted(self.names.items()):
            lines += [f"{code}: {visible(name)}" for name in names]
        return lines

    def _left_in_words(self) -> dict[str, str]:
        """Keys of `left` to words, in the order of the report."""
        broken = CODES["PARSE-FAILED"].message({"reason": "header"})
        no_apex = CODES["NO-APEX"].message({})
        return {
            "unreadable": f"refused: PARSE-FAILED: {broken}",
            f"{OTHER}DICOMDIR": "not copied: DICOMDIR (would reference the original file names)",
            **{
                f"{REFUSED}{code}": f"refused: {code}: {_unread(code, self.left[REFUSED + code])}"
                for code in self.unread
            },
            **{f"{UNCROPPED}{code}": f"refused: {code}: {no_apex}" for code in self.uncropped},
            "cropped": "not copied: too far above the lung apex",
            "others": "not copied: not DICOM",
        }


def _unread(code: str, count: int) -> str:
    """Why files were not read; of a header only the code is kept, so that has the remedy alone.

    `scan` names the problem of each archive.
    """
    if code not in FILES:
        return CODES[code].remedy
    why = "corrupt, encrypted, nested or of a format that is not supported"
    return CODES[code].message({"n": count, "why": why})


def keyword_of(tag: str) -> str:
    """The keyword of a tag `(gggg,eeee)`; empty if private or not in the dictionary."""
    from pydicom.datadict import keyword_for_tag

    if tag.startswith("("):
        return keyword_for_tag(int(tag[1:5] + tag[6:10], 16))
    return ""
