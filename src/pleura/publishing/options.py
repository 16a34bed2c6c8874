"""The options of `deidentify`, checked before any work."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from pleura.core.errors import UsageError
from pleura.deid.choices import RETAINABLE, Choices
from pleura.deid.identity import key_fingerprint
from pleura.store.layout import BESIDE, beside


def choices_of(profile: Any, dates: Any, retain: Sequence[Any], blank: Sequence[str]) -> Choices:
    if wrong := sorted({*retain} - {*RETAINABLE}):
        raise UsageError(f"deidentify: --retain {wrong[0]} is not one of {', '.join(RETAINABLE)}")
    boxes = []
    for text in blank:
        match = re.fullmatch(r"(\d+),(\d+),(\d+),(\d+)", text.replace(" ", ""))
        if not match:
            raise UsageError(
                "deidentify: --blank takes X0,Y0,X1,Y1 in pixels, such as --blank 0,0,200,40"
            )
        x0, y0, x1, y1 = (int(number) for number in match.groups())
        if x0 >= x1 or y0 >= y1:
            raise UsageError(
                f"deidentify: --blank {x0},{y0},{x1},{y1} is an empty rectangle: X1 must be larger "
                "than X0, and Y1 than Y0"
            )
        boxes.append((x0, y0, x1, y1))
    if profile == "report" and (dates != "remove" or retain or blank):
        raise UsageError(
            "deidentify: --profile report takes no --dates, --retain or --blank: it applies "
            "exactly four rules"
        )
    return Choices(profile, dates, frozenset(retain), tuple(boxes))


def check_crop(profile: str, margin_mm: float | None) -> None:
    if margin_mm is None:
        return
    if not 0 <= margin_mm < inf:
        raise UsageError(
            "deidentify: --crop-above-apex takes millimetres above the lung apex, such as "
            "--crop-above-apex 30"
        )
    if profile == "report":
        raise UsageError(
            "deidentify: --profile report takes no --crop-above-apex: it leaves out no slices"
        )


def recorded(choices: Choices, secret: bytes) -> dict[str, Any]:
    """Options that decide the result, for `run.json` and the audit; the key as a fingerprint."""
    return {
        "profile": choices.profile,
        "dates": choices.dates,
        "retain": sorted(choices.retain),
        "blank": [list(box) for box in choices.blank],
        "key": key_fingerprint(secret) or None,
    }


@dataclass(frozen=True)
class Places:
    """The files beside OUT."""

    key: Path
    map: Path
    audit: Path
    certificate: Path

    def as_dict(self) -> dict[str, Path]:
        """The files by purpose."""
        return {
            "key": self.key,
            "map": self.map,
            "audit": self.audit,
            "certificate": self.certificate,
        }

    def files(self) -> tuple[Path, ...]:
        """Every file by its full name."""
        name = self.certificate.name
        pages = (self.certificate.with_name(f"{name}.{suffix}") for suffix in ("json", "html"))
        return (self.key, self.map, self.audit, *pages)


def places_of(out: Path, **named: Path | None) -> Places:
    """The files beside OUT, where no option names others."""
    return Places(**{name: named.get(name) or beside(out, end) for name, end in BESIDE.items()})


def option_notes(choices: Choices, places: Places) -> tuple[str, ...]:
    """Where the files beside OUT are, and what the chosen profile leaves."""
    lines = [f"re-identification map: {_found(places.map)} (secret); audit: {places.audit}"]
    if choices.profile == "report":
        stays = "dates, UIDs, institutions, staff, free text and the preamble stay as they are"
        lines.append(f"profile report changes four attributes: {stays}")
    else:
        lines.append(
            f"key of UIDs and date shifts: {_found(places.key)} (secret); faces are not removed "
            "from the pixels (113102 is not applied)"
        )
    if "private" in choices.retain:
        lines.append(
            "retain private: numbers that PS3.15 Table E.3.10-1 lists as safe were kept; all other "
            "private attributes were removed"
        )
    return tuple(lines)


def _found(path: Path) -> str:
    """A path in words; a run that was finished earlier does not write the file again."""
    return f"{path}" if path.exists() else f"not at {path} any more"
