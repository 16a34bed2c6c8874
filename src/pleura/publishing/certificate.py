"""A certificate for a privacy officer: what was done, with which options, what is not covered."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from pleura import __version__
from pleura.core.atomic import atomic_file, write_json
from pleura.core.codes import CODES
from pleura.core.dates import timestamp
from pleura.deid.choices import Choices
from pleura.deid.codes import MEANINGS
from pleura.deid.profile import profile
from pleura.publishing.result import DeidentifyResult
from pleura.store.item import read_items
from pleura.store.run_record import RunRecord

FORMAT = "pleura-certificate/1"

NOT_COVERED = (
    "Faces: they can be rebuilt from CT of the head and neck (113102 is not applied).",
    "Text burned into pixels that the header does not declare.",
    "Free text about people who are not named in the files of the patient.",
    "Names of one or two letters inside text; names in another script than those of the header.",
    "Structures, scanners and kernels whose names are also somebody's: they stay as a whole.",
)
"""What neither the engine nor the audit can guarantee."""

REPORT_KEEPS = (
    "Profile report changes four attributes only: dates, UIDs, institutions, staff, free text, "
    "private attributes and the preamble stay. The output is not anonymous."
)

STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;max-width:46em;margin:2em auto;"
    "padding:0 1em;color:#111;background:#fff}"
    "h1{font-size:1.5em}h2{font-size:1.1em;margin:1.4em 0 .3em}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:.25em .6em .25em 0;"
    "border-bottom:1px solid #ccc;overflow-wrap:anywhere}"
    "th{font-weight:600;width:13em}code{font-size:.9em}@media print{body{margin:0;max-width:none}}"
    "@media(max-width:500px){th{width:7em}}"
)


@dataclass(frozen=True)
class Certificate:
    """What a certificate says. `facts` are its rows, `counts` the files by finding or refusal."""

    title: str
    outcome: str
    facts: Mapping[str, Any]
    options: Sequence[str]
    counts: Mapping[str, int]
    not_covered: Sequence[str]
    command: str

    def as_json(self) -> dict[str, Any]:
        """Plain values, with the date and the version."""
        return {
            "format": FORMAT,
            "title": self.title,
            "date": timestamp().isoformat(timespec="seconds"),
            "version": __version__,
            "outcome": self.outcome,
            **self.facts,
            "options": list(self.options),
            "counts": dict(self.counts),
            "not_covered": list(self.not_covered),
            "command": self.command,
        }

    def write(self, place: Path) -> tuple[Path, Path]:
        """Write `place.json` and `place.html`; returns both paths."""
        value = self.as_json()
        data, page = (place.with_name(f"{place.name}.{suffix}") for suffix in ("json", "html"))
        write_json(data, value)
        with atomic_file(page) as part:
            part.write_text(self._html(value), encoding="utf-8", newline="\n")
        return data, page

    def _html(self, value: Mapping[str, Any]) -> str:
        facts = {
            "Date": value["date"],
            "pleura": value["version"],
            "Outcome": self.outcome,
            **_flat(self.facts),
        }
        counts = {
            code: f"{count}: {CODES[code].sentence if code in CODES else ''}"
            for code, count in self.counts.items()
        }
        parts = [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
            'content="width=device-width">',
            f"<title>{escape(self.title)}</title><style>{STYLE}</style></head><body>",
            f"<h1>{escape(self.title)}</h1>",
            _table(facts),
            "<h2>Profile and options (PS3.15 Annex E)</h2>",
            _list(self.options),
            "<h2>Files by rule</h2>",
            _table(counts) if counts else "<p>No findings and no refusals.</p>",
            "<h2>Not covered</h2>",
            _list(self.not_covered),
            "<h2>Command</h2>",
            f"<p><code>{escape(self.command)}</code></p>",
            "</body></html>",
        ]
        return "\n".join(parts) + "\n"


def certificate_of(
    result: DeidentifyResult, choices: Choices, options: Mapping[str, Any], run: RunRecord
) -> Certificate:
    """The certificate of a run.

    It has a digest over names, sizes and times of the input, and one over the content of all files
    that were published, which no name or time can hide.
    """
    codes = list(profile(choices).codes)
    if choices.blank:
        codes.append("113101")
    report = choices.profile == "report"
    contents = sorted(unit.get("content", "") for unit in result.units.values())
    written = sorted(digest for item in read_items(run.folder) for _, digest in item.files.values())
    facts = {
        "files_written": result.files,
        "cases": len({unit["case"] for unit in result.units.values()}),
        "input": {
            **result.accounting.as_json(),
            "sha256_of_names_sizes_and_times": run.input.get("sha256", ""),
            "sha256_of_content_published": hashlib.sha256("".join(contents).encode()).hexdigest(),
        },
        "output": {
            "files": len(written),
            "sha256": hashlib.sha256("".join(written).encode()).hexdigest(),
        },
        "choices": {name: _words(value) for name, value in options.items()},
    }
    return Certificate(
        title="De-identification of DICOM files",
        outcome=f"{result.files} files written, each verified before it was published; "
        f"{result.refused} refused",
        facts=facts,
        options=option_words(codes) or ["profile report (four rules)"],
        counts=dict(result.accounting.refused),
        not_covered=not_covered(report=report),
        command=_command(choices, options),
    )


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if value is None:
        return "none"
    return str(value)


def _command(choices: Choices, options: Mapping[str, Any]) -> str:
    """The command that does the same again, without file names, which can identify a patient."""
    parts = ["pleura deidentify IN OUT"]
    if choices.profile != "basic":
        parts.append(f"--profile {choices.profile}")
    else:
        parts += [
            f"--dates {choices.dates}",
            *(f"--retain {name}" for name in sorted(choices.retain)),
        ]
        parts += [f"--blank {','.join(map(str, box))}" for box in choices.blank]
        if options.get("crop_above_apex_mm") is not None:
            parts.append(f"--crop-above-apex {options['crop_above_apex_mm']}")
        parts.append("--key KEY")
    return " ".join([*parts, "--map MAP"])


def not_covered(*, report: bool) -> list[str]:
    """What a certificate cannot promise; of profile `report`, also what that profile leaves."""
    if report:
        return [*NOT_COVERED, REPORT_KEEPS]
    return list(NOT_COVERED)


def option_words(codes: Sequence[str]) -> list[str]:
    """Options by code and name."""
    return [f"{code} {MEANINGS.get(code, '')}".strip() for code in codes]


def _flat(facts: Mapping[str, Any], before: str = "") -> dict[str, str]:
    rows: dict[str, str] = {}
    for name, value in facts.items():
        words = f"{before} {name}".strip().replace("_", " ")
        if isinstance(value, Mapping):
            rows |= _flat(value, words)
        else:
            rows[words[:1].upper() + words[1:]] = str(value)
    return rows


def _table(rows: Mapping[str, str]) -> str:
    lines = [
        f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows.items()
    ]
    return "<table>" + "".join(lines) + "</table>"


def _list(items: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"
