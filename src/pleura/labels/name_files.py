"""Files that name the labels of masks: nnU-Net's dataset.json, ITK-SNAP's label descriptions, and
colour tables of 3D Slicer (.ctbl, and .csv since version 5.8).
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pleura.core.atomic import read_json
from pleura.core.errors import UsageError
from pleura.core.faults import note
from pleura.core.lung_names import part_of
from pleura.core.tables import read_table
from pleura.core.text import decoded
from pleura.images.reading import map_suffix

Names = Mapping[str, int | list[int]]

DATASET = "dataset.json"
"""Where nnU-Net keeps the names of its labels: beside predictions, and above labelsTr and labelsTs.
"""
TABLES = (".txt", ".label", ".lbl", ".ctbl", ".csv")
"""Suffixes of label descriptions of ITK-SNAP and colour tables of 3D Slicer."""
LARGEST = 1 << 20
"""[bytes] Larger files are not tables of labels."""
ITK_SNAP = re.compile(r"\s*(\d{1,9})(?:\s+[\d.]{1,12}){4}\s+[01]\s+[01]\s+\"([^\"]*)\"\s*")
"""`IDX R G B A VIS MSH "NAME"`."""
SLICER = re.compile(r"\s*(\d{1,9})\s+(\S.{0,200}?)(?:\s+[\d.]{1,12}){3,4}\s*")
"""`IDX NAME R G B A`; spaces in names are underscores, or quoted."""
NUMBER = re.compile(r"[0-9]{1,9}")
COLUMN = re.compile(r"labelvalue|name|color|segmented|anatomic|region|modifier|type|category|none")
"""Columns of 3D Slicer's colour tables, in lower case."""
UNNAMED = re.compile(
    r"(?:clear label|background|unknown|none|(?:label|segment|tissue)[ _]?\d*|\d+)?", re.IGNORECASE
)
"""Names that tools give to labels that nobody named."""


def dataset_of(folder: Path) -> Path | None:
    """The dataset.json in or above a folder."""
    places = (folder, folder.parent)
    return next((place / DATASET for place in places if (place / DATASET).is_file()), None)


def tables_of(folder: Path) -> list[Names]:
    """The names in label descriptions beside the masks of a folder, or of its folders of cases.

    Other text files are passed over, and so are tables in which no label has a name.
    """
    found = list(_tables_beside_masks(folder if folder.is_dir() else folder.parent))
    if not found and folder.is_dir():
        for below in _entries(folder):
            found += _tables_beside_masks(below)
    return found


def names_in(path: Path) -> Names | None:
    """The names of labels in a file of any of these formats; `None` where it is none of them.

    Raises:
        UsageError: one name of a lung for two labels.
        OSError, ValueError: it cannot be read.
    """
    if path.suffix.lower() == ".json":
        about = read_json(path)
        if not isinstance(about, dict):
            raise UsageError("it is not a table of labels and names")
        return _named(about) if "labels" in about else None
    if path.stat().st_size > LARGEST:
        return None
    content = path.read_bytes()
    if path.suffix.lower() == ".csv":
        return _names_in_csv(content)
    lines = [line for line in decoded(content).splitlines() if line.strip()]
    lines = [line for line in lines if not line.lstrip().startswith("#")]
    pattern = SLICER if path.suffix.lower() == ".ctbl" else ITK_SNAP
    found = [pattern.fullmatch(line) for line in lines]
    rows = [(one[2].strip('"'), int(one[1])) for one in found if one]
    if rows and len(rows) < len(lines) and any(part_of(name) for name, _ in rows):
        raise UsageError("only some of its lines are labels with names")
    if len(rows) < len(lines):
        return None
    return _without_repeats(rows)


def _names_in_csv(content: bytes) -> Names | None:
    """The names in a colour table with the columns LabelValue and Name; `None` for another CSV.

    Measurements by label have these columns too, and others.
    """
    lines = decoded(content).splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith("#"))
    if not re.match(r"(?:sep=.\s*)?\s*\"?labelvalue\"?\s*[,;\t]", text, re.I):
        return None
    rows = [row for _, row in read_table(text.encode(), "colour table")]
    if not all("name" in row and all(map(COLUMN.match, row)) for row in rows):
        return None
    numbered = [(row["name"], row.get("labelvalue", "")) for row in rows]
    if not all(NUMBER.fullmatch(number) for _, number in numbered):
        raise UsageError("a LabelValue is not a whole number")
    return _without_repeats([(name, int(number)) for name, number in numbered])


def _named(about: Mapping[str, Any]) -> Names:
    """The names in a dataset.json; version 1 of nnU-Net has label to name."""
    labels: Mapping[str, Any] = about["labels"]
    if labels and all(str(key).isdecimal() for key in labels):
        return _without_repeats([(str(value), int(key)) for key, value in labels.items()])
    return labels


def _tables_beside_masks(folder: Path) -> Iterator[Names]:
    files = _entries(folder)
    masks = {path.name.removesuffix(suffix) for path in files if (suffix := map_suffix(path))}
    for path in files if masks else ():
        if path.suffix.lower() in TABLES and path.is_file():
            names = _names_if_any(path)
            if names and not all(UNNAMED.fullmatch(name.strip()) for name in names):
                if path.stem in masks and not all(_is_of_one_case(path.stem, m) for m in masks):
                    _check_all_named(masks, files)
                yield names


def _is_of_one_case(name: str, other: str) -> bool:
    return name.startswith(other) or other.startswith(name)


def _check_all_named(masks: Collection[str], files: Sequence[Path]) -> None:
    """Refuse tables of single masks where other masks have none.

    Raises:
        UsageError: a mask has no table of its own.
    """
    tables = {path.stem for path in files if path.suffix.lower() in TABLES}
    if not all(any(_is_of_one_case(table, mask) for table in tables) for mask in masks):
        raise UsageError("it is named as one of the masks, and not every mask has one")


def _entries(folder: Path) -> list[Path]:
    """What is in a folder; nothing where it is none, or cannot be read, which others report."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        note(error)
        return []


def _names_if_any(path: Path) -> Names | None:
    try:
        return names_in(path)
    except UnicodeDecodeError as error:
        pattern = SLICER if path.suffix.lower() == ".ctbl" else ITK_SNAP
        if any(map(pattern.fullmatch, path.read_text("latin-1").splitlines())):
            raise UsageError("it is not in UTF-8") from error
        return None


def _without_repeats(rows: Sequence[tuple[str, int]]) -> Names:
    """Name to label, without a background that tools name (`Clear Label`).

    Raises:
        UsageError: one name of a lung for two labels.
    """
    found: dict[str, list[int]] = {}
    for name, label in rows:
        if label == 0 and UNNAMED.fullmatch(name.strip()):
            continue
        labels = found.setdefault(name, [])
        if label not in labels:
            labels.append(label)
        if len(labels) > 1 and part_of(name) is not None:
            raise UsageError("two labels have the name of one lung")
    return {name: labels[0] if len(labels) == 1 else labels for name, labels in found.items()}
