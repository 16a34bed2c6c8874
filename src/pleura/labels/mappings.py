"""What the numbers of other tools' label maps mean for lungs: a named mapping each, so that nothing is guessed."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pleura.core.atomic import read_json
from pleura.core.errors import UsageError
from pleura.labels.names import SIDES, Side


@dataclass(frozen=True)
class Naming:
    """Which labels of a map are the right lung, the left, or either; `others` where it names other things too.

    In a map of lungs alone a label that is not listed is an error; in one of everything (`others`) it is background.
    """

    name: str
    right: tuple[int, ...] = ()
    left: tuple[int, ...] = ()
    either: tuple[int, ...] = ()
    others: bool = False

    @property
    def sided(self) -> bool | None:
        """Whether a map tells right from left; `None` where only the map itself can say, as one of label 1 alone."""
        return None if self == LUNGS else not self.either

    def as_json(self) -> dict[str, Any]:
        """Plain values, for `scores.json`."""
        return {"name": self.name, "right": list(self.right), "left": list(self.left), "either": list(self.either)}


LUNGS = Naming("lungs", right=(1,), left=(2,))
"""Our own: 1 right, 2 left; or both lungs as 1; or both as 255, alone."""

MAPPINGS: Mapping[str, Naming] = {
    naming.name: naming
    for naming in (
        LUNGS,
        Naming("lungmask", right=(1,), left=(2,)),
        Naming("lungmask-lobes", right=(3, 4, 5), left=(1, 2)),
        Naming("totalsegmentator", right=(12, 13, 14), left=(10, 11), others=True),
        Naming("totalsegmentator-v1", right=(15, 16, 17), left=(13, 14), others=True),
    )
}
"""`lungmask` is its R231 and R231CovidWeb, `lungmask-lobes` its LTRCLobes (left upper and lower, then right upper, middle and
lower); `totalsegmentator` is the map of task `total` in version 2, `totalsegmentator-v1` in version 1."""


def fitting(values: Collection[float]) -> list[str]:
    """Names of the mappings of other tools that would explain the values of a map: all of their labels are there."""
    fits = []
    for naming in MAPPINGS.values():
        labels = {*naming.right, *naming.left}
        if labels <= set(values) and (naming.others or set(values) <= {0, *labels}):
            fits.append(naming.name)
    return fits


CHOICES = f"auto, {', '.join(MAPPINGS)}, nnunet, or labels by side such as right=1,left=2 or either=1+2"
DATASET = "dataset.json"
"""Where an nnU-Net keeps the names of its labels: beside its predictions, and above labelsTr and labelsTs."""

WORD = re.compile(r"lungs?|lobes?|upper|middle|lower|superior|inferior|[rl]|[rl][uml]l|rt|lt|right|left|both")


def naming_of(said: str, folder: Path) -> Naming:
    """The mapping that a user names for the masks of a folder.

    Args:
        said: a name of `MAPPINGS`; `nnunet`, which reads dataset.json in or above `folder`; `auto`, which does so
            where that file names lungs and takes `lungs` else; or labels by side, `right=3+4+5,left=1+2`.
        folder: where the masks lie.

    Raises:
        UsageError: no such mapping, or no names of lungs in dataset.json.
    """
    if said in MAPPINGS:
        return MAPPINGS[said]
    if said in ("auto", "nnunet"):
        found = next((place / DATASET for place in (folder, folder.parent) if (place / DATASET).is_file()), None)
        try:
            if found is not None:
                return from_names(_named(read_json(found)))
        except (UsageError, OSError, ValueError, AttributeError, TypeError):
            found = None
        if said == "auto":
            return LUNGS
        raise UsageError(f"no {DATASET} in or above the masks' folder names a right and a left lung: name their labels by side")
    parts = re.fullmatch(r"(?:(?:right|left|either)=\d+(?:\+\d+)*(?:,(?!$)|$))+", said)
    if not parts:
        raise UsageError(f"no such mapping of labels: {CHOICES}")
    sides = {side: tuple(map(int, labels.split("+"))) for side, labels in (part.split("=") for part in said.split(","))}
    every = [label for labels in sides.values() for label in labels]
    if len(set(every)) < len(every) or 0 in every or ("either" not in sides and len(sides) < 2):
        raise UsageError("a mapping by side gives right and left, or either, each label once and never 0")
    return Naming(said, **sides, others=True)


def from_names(labels: Mapping[str, int | list[int]]) -> Naming:
    """The mapping of an nnU-Net from the names in its dataset.json (`{"background": 0, "lung_right": 1, …}`).

    A name is a lung's where all its words are a lung's or a lobe's (`lung_upper_lobe_left`, `Lung_R`, `RUL`), and no other
    thing's (`lung_nodule_left`).

    Raises:
        UsageError: no name, or names of one side only, tell of a lung.
    """
    found: dict[Side, list[int]] = {"right": [], "left": [], "both": []}
    for name, label in labels.items():
        side = side_of_part(name)
        if side is not None:
            found[side] += label if isinstance(label, list) else [int(label)]
    if found["right"] and found["left"]:
        found["both"] = []  # a region of both, of a training by regions
    elif found["right"] or found["left"] or not found["both"]:
        raise UsageError("the names of labels do not tell a right and a left lung, or both: name their labels by side")
    return Naming("nnunet", tuple(found["right"]), tuple(found["left"]), tuple(found["both"]), others=True)


def side_of_part(name: str) -> Side | None:
    """Whose lung a structure is a lung or lobe of, by its name; `None` for any other structure."""
    words = [word for word in re.split(r"[\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()) if word]
    if not words or not all(WORD.fullmatch(word) for word in words):
        return None
    lobes = [word for word in words if re.fullmatch(r"[rl][uml]l", word)]
    if not lobes and not any(word.startswith(("lung", "lobe")) for word in words):
        return None
    sides = {SIDES[word] for word in words if word in SIDES} | {SIDES[word[0]] for word in lobes}
    return sides.pop() if len(sides) == 1 else None if sides or any(word.startswith("lobe") for word in words) else "both"


def _named(about: Mapping[str, Any]) -> Mapping[str, Any]:
    """Name to label; version 1 of nnU-Net has it the other way round."""
    labels = about.get("labels", {})
    return {str(v): int(k) for k, v in labels.items()} if labels and all(str(k).isdigit() for k in labels) else labels
