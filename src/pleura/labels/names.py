"""Which structure is a lung, by its name: AAPM TG-263 (`Lung_R`, `Lung_L`, `Lungs`) and the common ways to miss it."""

import re
from typing import Literal

Side = Literal["right", "left", "both"]

LUNG = re.compile(
    r"(?P<before>l|lt|left|r|rt|right|both|total)?(?:lungs?)(?P<after>l|lt|left|r|rt|right|both|total|all|combined)?"
)
SIDES: dict[str, Side] = {"l": "left", "lt": "left", "left": "left", "r": "right", "rt": "right", "right": "right"}


def side_of(name: str) -> Side | None:
    """`right`, `left` or `both` for the name of a whole lung, else `None`.

    Case, blanks and punctuation do not count. A name that holds anything more (`Lung_L_PRV05`, `Lungs-GTV`, `zLung_L`,
    `Lobe_RUL`) is another structure.
    """
    found = LUNG.fullmatch(re.sub(r"[\W_]+", "", name.lower()))
    if not found:
        return None
    said = {SIDES.get(word, "both") for word in found.groups() if word}
    return said.pop() if len(said) == 1 else "both" if not said else None
