"""What made a mask, in the words that a SEG or RTSTRUCT object carries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pleura import __version__

ARTIFICIAL_INTELLIGENCE = ("123110", "Artificial Intelligence")
MORPHOLOGICAL = ("123104", "Morphological Operations")
"""Codes of the context group of algorithm families (PS3.16 CID 7162)."""


@dataclass(frozen=True)
class Algorithm:
    """What made a mask: name, version, family (code and meaning), hash of the model, parameters."""

    name: str
    version: str
    family: tuple[str, str]
    model_sha256: str = ""
    parameters: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """The values that distinguish one algorithm from another."""
        return (self.name, self.version, *self.family, self.model_sha256, self.parameters)


def algorithm_of(segmenter: Mapping[str, Any]) -> Algorithm:
    """The algorithm in a segmenter's `describe()`: a model, if it has weights, else thresholds."""
    name = str(segmenter.get("name", "segmenter"))
    sha256 = str(segmenter.get("sha256", ""))
    plain = {
        key: value for key, value in segmenter.items() if key not in ("name", "sha256", "input")
    }
    parameters = ", ".join(f"{key}={value}" for key, value in sorted(plain.items()))
    family = ARTIFICIAL_INTELLIGENCE if sha256 else MORPHOLOGICAL
    return Algorithm(f"pleura {name}"[:64], __version__, family, sha256, parameters[:1024])
