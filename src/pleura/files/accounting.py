"""What became of every file of the input."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pleura.core.text import counted


@dataclass(frozen=True)
class Accounting:
    """Numbers of files that were used, refused, and neither; each file is in exactly one of these.

    `refused` counts by code, `other` by kind (pdf, DICOMDIR, litter, …). Files of archives count
    one by one. An archive that could not be read counts as one file, and so does a folder that
    could not be listed.
    """

    used: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    other: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: "Accounting") -> "Accounting":
        refused = Counter(self.refused) + Counter(other.refused)
        kinds = Counter(self.other) + Counter(other.other)
        return Accounting(self.used + other.used, refused, kinds)

    @property
    def files(self) -> int:
        """All files: used + refused + other."""
        return self.used + sum(self.refused.values()) + sum(self.other.values())

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON: `files`, `used`, `refused` by code, `other` by kind."""
        return {
            "files": self.files,
            "used": self.used,
            "refused": dict(sorted(self.refused.items())),
            "other": dict(sorted(self.other.items())),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Accounting":
        """What `as_json` returned."""
        return cls(value["used"], value["refused"], value["other"])

    def sentence(self) -> str:
        """One line: `26 files: 24 used, 1 refused (UNREADABLE-FILES 1), 1 other (pdf 1)`."""
        parts = [f"{self.used} used"]
        for word, counts in (("refused", self.refused), ("other", self.other)):
            listed = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
            parts.append(f"{sum(counts.values())} {word}" + (f" ({listed})" if listed else ""))
        return f"{counted(self.files, 'file', 'files')}: {', '.join(parts)}"
