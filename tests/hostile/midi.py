"""The ten answer-key actions of the MIDI-B challenge (arXiv 2507.23608), scored on the corpus:
right by required actions.

The key is made from the corpus itself: what was planted must go, what is technical or a standard
code must stay. As in the challenge, a file that has no output fails every action that wants
something kept and passes every action that wants it gone.
`pixels_hidden` has no reader of text here: an object with text in its pixels passes where it was
not published.
"""

import re
import subprocess
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from hostile.corpus import Made, Truth, walk
from hostile.judge import Verdicts
from pydicom import Dataset, config, dcmread

ACTIONS = (
    "tag_retained", "text_notnull", "text_retained", "text_removed", "date_shifted", "uid_changed",
    "pixels_hidden",
    "pixels_retained", "uid_consistent", "patid_consistent",
)  # fmt: skip
KEEPING = {
    "tag_retained",
    "text_notnull",
    "text_retained",
    "pixels_retained",
    "uid_consistent",
    "patid_consistent",
}
PAINTED = {"SC", "CT with burned-in text", "screen save"}
STANDARD_ROOT = "1.2.840.10008."


@dataclass
class Score:
    """Right and required actions by kind, and the places of what was wrong."""

    right: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    required: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    wrong: list[str] = field(default_factory=list)

    def add(self, action: str, done: bool, where: str) -> None:
        self.required[action] += 1
        self.right[action] += done
        if not done:
            self.wrong.append(f"{action}: {where}")

    @property
    def percent(self) -> float:
        return 100 * sum(self.right.values()) / sum(self.required.values())


def score(truth: Truth, pairs: Verdicts) -> Score:
    """Score an output that `judge` has paired with the corpus."""
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        return _score(truth, pairs)


def _score(truth: Truth, pairs: Verdicts) -> Score:
    total = Score()
    before = {
        k: dcmread(made.path)
        for k, made in enumerate(truth.made)
        if made.required or made.what in PAINTED
    }
    after = {k: dcmread(path) for k, path in pairs.pairs.items()}
    uids, people = _mappings(truth, before, after)
    for k, old in before.items():
        made, new = truth.made[k], after.get(k)
        if made.what in PAINTED:
            total.add("pixels_hidden", new is None, made.what)
            continue
        present = {} if new is None else {path: element.value for path, _, element in walk(new)}
        for action, done, where in _file(truth, made, old, new, present, uids):
            total.add(
                action, (action not in KEEPING) if new is None else done, f"{made.what} {where}"
            )
        own = set() if new is None else {str(new.get("PatientID", ""))} - {""}
        shared = any(own & ids for person, ids in people.items() if person != made.person)
        total.add(
            "patid_consistent", bool(own) and people[made.person] == own and not shared, made.what
        )
    return total


def _file(
    truth: Truth,
    made: Made,
    old: Dataset,
    new: Dataset | None,
    present: dict[str, Any],
    uids: dict[str, set[str]],
) -> Iterator[tuple[str, bool, str]]:
    for path, value in made.kept.items():
        yield "tag_retained", path in present, path
        yield "text_retained", _survives(value, present.get(path)), path
    for keyword in (
        "SOPClassUID",
        "SOPInstanceUID",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "Modality",
        "PatientID",
        "PatientName",
    ):
        yield "text_notnull", bool(str(present.get(keyword, ""))), keyword
    if made.pixels:
        yield (
            "pixels_retained",
            sha256(present.get("PixelData", b"")).digest() == sha256(made.pixels).digest(),
            "PixelData",
        )
    secrets = [secret.lower() for secret in truth.secrets()]
    for path, _, element in walk(old):
        text = str(element.value)
        if element.VR == "UI":
            for uid in _instances(element):
                yield "uid_changed", uid not in str(present.get(path, "")), path
                if path in present:
                    yield "uid_consistent", len(uids[uid]) == 1, path
        elif element.VR in ("DA", "DT") and re.match(r"\d{8}", text):
            yield "date_shifted", text[:8] not in str(present.get(path, "")), path
        elif element.VR not in ("OB", "OW", "UN") and any(
            secret in text.lower() for secret in secrets
        ):
            left = str(present.get(path, "")).lower()
            yield (
                "text_removed",
                not any(secret in left for secret in secrets if secret in text.lower()),
                path,
            )


def _instances(element: Any) -> list[str]:
    values = [str(v) for v in (element.value if element.VM > 1 else [element.value])]
    return [v for v in values if v and not v.startswith(STANDARD_ROOT)]


def _survives(value: str, left: Any) -> bool:
    """Numbers as numbers, text by its words."""
    if left is None:
        return False
    try:
        return float(value) == float(str(left))
    except ValueError:
        return set(re.findall(r"\w+", value.lower())) <= set(re.findall(r"\w+", str(left).lower()))


def _mappings(
    truth: Truth, before: dict[int, Dataset], after: dict[int, Dataset]
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """What each UID and each person became, in all files."""
    uids: dict[str, set[str]] = defaultdict(set)
    people: dict[str, set[str]] = defaultdict(set)
    for k, new in after.items():
        people[truth.made[k].person].add(str(new.get("PatientID", "")))
        present = {path: element for path, _, element in walk(new)}
        for path, _, element in walk(before[k]) if k in before else ():
            if element.VR == "UI" and path in present:
                for old, now in zip(_instances(element), _instances(present[path]), strict=False):
                    uids[old].add(now)
    return uids, people


def shown(total: Score) -> list[tuple[str, str]]:
    """Each action with its score, for a table."""
    return [
        (action, f"{total.right[action]} of {total.required[action]}")
        for action in ACTIONS
        if total.required[action]
    ]


@cache
def iod_errors(path: Path, program: str) -> frozenset[str]:
    """What dciodvfy (dicom3tools) calls an error in a file, without the values that it quotes;
    it cannot read deflated ones.
    """
    call = [program, "-new", str(path)]
    ended = subprocess.run(call, capture_output=True, text=True, errors="replace", check=False)
    return frozenset(
        re.sub(r"[Vv]alue ?(is )?(<[^>]*>|\S+)|= <[^>]*>", "", line)
        for line in ended.stderr.splitlines()
        if line.startswith("Error")
    )
