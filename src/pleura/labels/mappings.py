"""Named mappings: what the values of other tools' label maps mean for lungs."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pleura.core.atomic import read_json
from pleura.core.errors import UsageError
from pleura.core.lung_names import lung_parts
from pleura.core.lung_words import Side


@dataclass(frozen=True)
class Naming:
    """Which labels of a map are the right lung, the left lung, or either.

    In a map of lungs only, a label that is not listed is an error. In a map of other structures too
    (`others`), it is background.
    """

    name: str
    right: tuple[int, ...] = ()
    left: tuple[int, ...] = ()
    either: tuple[int, ...] = ()
    others: bool = False

    @property
    def sided(self) -> bool | None:
        """Whether a map has sides; `None` if that depends on its values, as for label 1 alone."""
        if self == LUNGS:
            return None
        return not self.either

    def as_json(self) -> dict[str, Any]:
        """Plain values, for `scores.json`."""
        return {
            "name": self.name,
            "right": list(self.right),
            "left": list(self.left),
            "either": list(self.either),
        }


LUNGS = Naming("lungs", right=(1,), left=(2,))
"""Our own: 1 right, 2 left; or both lungs as 1, or as 255 alone."""

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
"""`lungmask` is its R231 and R231CovidWeb, `lungmask-lobes` its LTRCLobes (left upper and lower,
then right upper, middle and lower); `totalsegmentator` is the map of task `total` in version 2,
`totalsegmentator-v1` in version 1."""


def fitting(values: Collection[float]) -> list[str]:
    """Names of the mappings of other tools that explain the values of a map."""
    fits = []
    for naming in MAPPINGS.values():
        labels = {*naming.right, *naming.left}
        if labels <= set(values) and (naming.others or set(values) <= {0, *labels}):
            fits.append(naming.name)
    return fits


CHOICES = (
    f"auto, {', '.join(MAPPINGS)}, nnunet, or labels by side such as right=1,left=2 or either=1+2"
)
DATASET = "dataset.json"
"""Where nnU-Net keeps the names of its labels: beside predictions, and above labelsTr and labelsTs.
"""


def naming_of(option: str, folder: Path) -> Naming:
    """The mapping for the masks of a folder.

    Args:
        option: a name of `MAPPINGS`; `nnunet`, which reads dataset.json in or above `folder`;
            `auto`, which does the same where that file names lungs, and else takes `lungs`; or
            labels by side, `right=3+4+5,left=1+2`.
        folder: the folder of the masks.

    Raises:
        UsageError: no such mapping, or no names of lungs in dataset.json.
    """
    if option in MAPPINGS:
        return MAPPINGS[option]
    if option in ("auto", "nnunet"):
        return _from_dataset(option, folder)
    parts = re.fullmatch(r"(?:(?:right|left|either)=\d+(?:\+\d+)*(?:,(?!$)|$))+", option)
    if not parts:
        raise UsageError(f"There is no such mapping of labels. Use {CHOICES}.")
    sides: dict[str, tuple[int, ...]] = {}
    for part in option.split(","):
        side, labels = part.split("=")
        if side in sides:
            raise UsageError(f"A mapping names {side} once; join its labels, as in {side}=1+2.")
        sides[side] = tuple(map(int, labels.split("+")))
    every = [label for labels in sides.values() for label in labels]
    if len(set(every)) < len(every) or 0 in every or ("either" not in sides and len(sides) < 2):
        raise UsageError(
            "A mapping by side needs right and left, or either; each label once, and not 0."
        )
    return Naming(option, **sides, others=True)


def _from_dataset(option: str, folder: Path) -> Naming:
    """The mapping of dataset.json in or above a folder; `LUNGS` for `auto` without one."""
    found = next(
        (place / DATASET for place in (folder, folder.parent) if (place / DATASET).is_file()), None
    )
    if found is None and option == "auto":
        return LUNGS
    if found is None:
        raise UsageError(
            f"There is no {DATASET} in or above the masks' folder. Give the labels by side: "
            f"{CHOICES}."
        )
    try:
        about = read_json(found)
        if option == "auto" and isinstance(about, dict) and "labels" not in about:
            return LUNGS
        return from_names(_named(about))
    except (UsageError, OSError, ValueError, AttributeError, TypeError) as error:
        reason = (
            str(error) if isinstance(error, UsageError) else "its labels are not names and numbers"
        )
        raise UsageError(
            f"{DATASET} beside the masks is not understood ({reason}). Use --mapping: {CHOICES}."
        ) from error


def from_names(labels: Mapping[str, int | list[int]]) -> Naming:
    """The mapping for the names of labels in an nnU-Net's dataset.json.

    `{"background": 0, "lung_right": 1, ...}` is an example. A label may be a region, a list of
    values. A missing side is both lungs without the other, as in `{"lungs": [1, 2], "lung_right":
    2}`.

    Raises:
        UsageError: no name means a lung, or only names of one side do.
    """
    values = _values_by_side(labels)
    right, left, both = values["right"], values["left"], values["both"]
    if both and bool(right) != bool(left):
        right, left = (right or both - left), (left or both - right)
    if right & left:
        raise UsageError("a label is both a right and a left lung")
    if right and left:
        both = set()
    elif right or left or not both:
        raise UsageError("the names of its labels give no right and left lung, and no lungs as one")
    return Naming(
        "nnunet", tuple(sorted(right)), tuple(sorted(left)), tuple(sorted(both)), others=True
    )


def _values_by_side(labels: Mapping[str, int | list[int]]) -> dict[Side, set[int]]:
    """The values of the lungs and lobes of each side.

    Raises:
        UsageError: two names of one whole lung have other values.
    """
    values: dict[Side, set[int]] = {"right": set(), "left": set(), "both": set()}
    whole: dict[Side, set[int]] = {}
    for name, part in lung_parts(labels).items():
        label = labels[name]
        numbers = {int(number) for number in (label if isinstance(label, list) else [label])}
        if part.whole and whole.setdefault(part.side, numbers) != numbers:
            raise UsageError(f"two labels are named as the lung of one side ({part.side})")
        if not part.partial:
            values[part.side] |= numbers
    return values


def _named(about: Mapping[str, Any]) -> Mapping[str, Any]:
    """Name to label; version 1 of nnU-Net has label to name."""
    labels: Mapping[str, Any] = about.get("labels", {})
    if labels and all(str(key).isdigit() for key in labels):
        return {str(value): int(key) for key, value in labels.items()}
    return labels
