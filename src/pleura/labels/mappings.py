"""Named mappings: what the values of other tools' label maps mean for lungs."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pleura.core.errors import UsageError
from pleura.core.lung_names import Lobe, lung_parts, part_of
from pleura.core.lung_words import Side
from pleura.labels.name_files import DATASET, Names, dataset_of, names_in, tables_of


@dataclass(frozen=True)
class Naming:
    """Which labels of a map are the right lung, the left lung, or either.

    In a map of lungs only, a label that is not listed is an error. In a map of other structures too
    (`others`), it is background, but an error where a file lists all labels (`listed`) and not this
    one: the file belongs to other masks. `beside` marks what a file beside the masks says: names in
    a mask itself come before it.
    """

    name: str
    right: tuple[int, ...] = ()
    left: tuple[int, ...] = ()
    either: tuple[int, ...] = ()
    others: bool = False
    beside: bool = field(default=False, compare=False)
    listed: frozenset[int] | None = field(default=None, compare=False)

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

LOBES_OF: Mapping[Side, set[Lobe]] = {
    "right": {"upper", "middle", "lower"},
    "left": {"upper", "lower"},
}
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


TABLE = "table"
"""Name of a mapping that a label description or a colour table gives."""
CHOICES = (
    f"auto, {', '.join(MAPPINGS)}, nnunet, labels by side such as right=1,left=2 or either=1+2, or "
    f"a file of names ({DATASET}, labels.txt of ITK-SNAP, .ctbl or .csv of 3D Slicer)"
)


def naming_of(option: str, folder: Path) -> Naming:
    """The mapping for the masks of a folder.

    Args:
        option: a name of `MAPPINGS`; `nnunet`, which reads dataset.json in or above `folder`;
            `auto`, which does the same where that file names lungs, else reads label descriptions
            of ITK-SNAP and colour tables of 3D Slicer beside the masks, and else takes `lungs`;
            labels by side, `right=3+4+5,left=1+2`; or such a file.
        folder: the folder of the masks.

    Raises:
        UsageError: no such mapping, or no names of lungs in such a file.
    """
    if option in MAPPINGS:
        return MAPPINGS[option]
    if option in ("auto", "nnunet"):
        return replace(_from_files(option, folder), beside=option == "auto")
    if Path(option).suffix and Path(option).is_file():
        return _from_file(Path(option), "The file of names")
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
    right, left, either = (sides.get(side, ()) for side in ("right", "left", "either"))
    return Naming(option, right, left, either, others=True)


def _from_files(option: str, folder: Path) -> Naming:
    """The mapping of files beside the masks; `LUNGS` for `auto` where there is none."""
    found = dataset_of(folder)
    if found is not None:
        what = f"{DATASET} beside the masks"
        return _from_file(found, what, may_lack_labels=option == "auto")
    if option == "nnunet":
        raise UsageError(
            f"There is no {DATASET} in or above the masks' folder. Give the labels by side: "
            f"{CHOICES}."
        )
    try:
        found_names = tables_of(folder)
        namings = {from_names(names, TABLE) for names in found_names}
    except (UsageError, OSError) as error:
        raise _not_understood("The label description beside the masks", error) from error
    if len(namings) > 1:
        raise UsageError(
            "Label descriptions beside the masks contradict each other. Score or measure masks of "
            f"one kind at a time, with --mapping: {CHOICES}."
        )
    if not namings:
        return LUNGS
    return replace(namings.pop(), listed=frozenset().union(*map(_listed, found_names)))


def _from_file(path: Path, what: str, *, may_lack_labels: bool = False) -> Naming:
    is_json = path.suffix.lower() == ".json"
    name = "nnunet" if is_json else TABLE
    try:
        names = names_in(path)
        if names is None and may_lack_labels:
            return LUNGS
        if names is None:
            raise UsageError("it is not a table of labels and names")
        return from_names(names, name)
    except (UsageError, OSError, ValueError, AttributeError, TypeError) as error:
        raise _not_understood(what, error) from error


def _not_understood(what: str, error: Exception) -> UsageError:
    reason = "its labels are not names and numbers"
    if isinstance(error, UsageError):
        reason = str(error)
    elif isinstance(error, OSError):
        reason = f"it cannot be read: {error.strerror}"
    return UsageError(f"{what} is not understood ({reason}). Use --mapping: {CHOICES}.")


def from_names(labels: Names, name: str = "nnunet") -> Naming:
    """The mapping for the names of labels, as in an nnU-Net's dataset.json.

    `{"background": 0, "lung_right": 1, ...}` is an example. A label may be a region, a list of
    values. A missing side is both lungs without the other, as in `{"lungs": [1, 2], "lung_right":
    2}`. `name` is that of the mapping.

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
        name,
        tuple(sorted(right)),
        tuple(sorted(left)),
        tuple(sorted(both)),
        others=True,
        listed=_listed(labels),
    )


def _listed(labels: Names) -> frozenset[int]:
    """Every value that has a name."""
    found: set[int] = set()
    for label in labels.values():
        found.update(int(value) for value in (label if isinstance(label, list) else [label]))
    return frozenset(found)


def _values_by_side(labels: Names) -> dict[Side, set[int]]:
    """The values of the lungs and lobes of each side.

    Raises:
        UsageError: two names of one whole lung have other values.
    """
    values: dict[Side, set[int]] = {"right": set(), "left": set(), "both": set()}
    lobes: dict[Side, set[Lobe]] = {"right": set(), "left": set(), "both": set()}
    whole: dict[Side, set[int]] = {}
    parts = lung_parts(labels)
    for name, part in parts.items():
        numbers = _numbers_of(labels[name])
        if part.whole and whole.setdefault(part.side, numbers) != numbers:
            raise UsageError(f"two labels are named as the lung of one side ({part.side})")
        if not part.partial:
            values[part.side] |= numbers
            lobes[part.side].add(part.lobe)
    for side, needed in LOBES_OF.items():
        if lobes[side] and "" not in lobes[side] and lobes[side] < needed:
            raise UsageError(f"it names only some lobes of the {side} lung")
    lungs = set().union(*values.values())
    others = [name for name in labels if name not in parts and part_of(name) is None]
    if any(isinstance(labels[name], int) and labels[name] in lungs for name in others):
        raise UsageError("a lung and another structure have one label")
    return values


def _numbers_of(label: Any) -> set[int]:
    """The values of a label.

    Raises:
        UsageError: one is background, or not a whole number.
    """
    numbers = {float(number) for number in (label if isinstance(label, list) else [label])}
    if not all(number.is_integer() and number > 0 for number in numbers):
        raise UsageError("the label of a lung is not a whole number from 1")
    return set(map(int, numbers))
