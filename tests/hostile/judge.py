"""A judge of de-identified output by the truth of the corpus: pydicom and plain searches,
nothing of pleura's own.
"""

import re
import warnings
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from hostile.corpus import Made, Truth, kept, references
from pydicom import Dataset, config, dcmread

ENCODINGS = (
    "utf-8",
    "latin-1",
    "utf-16-le",
    "utf-16-be",
    "iso2022_jp",
    "iso2022_kr",
    "euc_kr",
    "gb18030",
    "shift_jis",
)


@dataclass
class Verdicts:
    """Complaints by kind; all empty where the output is good. `pairs` says which output is which
    file.
    """

    leaks: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    patients: list[str] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    pairs: dict[int, Path] = field(default_factory=dict)

    def complaints(self) -> dict[str, list[str]]:
        return {k: v for k, v in vars(self).items() if v and k != "pairs"}


def judge(truth: Truth, out: Path, dates: str = "removed") -> Verdicts:
    """Judge every file of `out`; `dates` is removed or shifted."""
    found = Verdicts()
    files = {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    for path, data in files.items():
        _leaks(truth, path.relative_to(out).as_posix(), data, found)
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        objects = {p: dcmread(p) for p, data in files.items() if data[128:132] == b"DICM"}
        _pair(truth, objects, found)
        mates = {k: objects[path] for k, path in found.pairs.items()}
        _references(truth, mates, found)
        _patients(truth, mates, found)
        _dates(truth, mates, found, dates)
        _labels(truth, mates, found)
    return found


def _leaks(truth: Truth, name: str, data: bytes, found: Verdicts) -> None:
    lower = data.lower()
    for secret in truth.secrets():
        for encoding in ENCODINGS:
            try:
                raw = secret.lower().encode(encoding)
            except UnicodeEncodeError:
                continue
            if raw in lower or raw in name.lower().encode():
                found.leaks.append(f"{name}: {secret} ({encoding})")
                break
    present = set(re.findall(rb"\d+(?:\.\d+){3,}", data))
    found.leaks += [f"{name}: UID {uid}" for uid in truth.uids() if uid.encode() in present]


def _pair(truth: Truth, objects: dict[Path, Dataset], found: Verdicts) -> None:
    """Pair files by pixels and values, each output once; say what is lost and what came out that
    should not.
    """
    read = {path: (ds.get("PixelData", b""), kept(ds)) for path, ds in objects.items()}
    free = dict(read)
    for k, made in enumerate(truth.made):
        near = [
            p
            for p, (pixels, values) in free.items()
            if pixels == made.pixels and _differences(made, values) == []
        ]
        if near and (made.required or made.kept):
            found.pairs[k] = near[0]
            free.pop(near[0])
            if not made.required:
                found.leaks.append(f"{made.what}: came out")
    for k, made in enumerate(truth.made):
        if made.required and k not in found.pairs:
            near = sorted(
                (len(_differences(made, v)), str(p), p)
                for p, (px, v) in free.items()
                if px == made.pixels
            )
            if near:
                found.pairs[k] = near[0][2]
                values = free.pop(near[0][2])[1]
                found.values += [f"{made.what}: {path}" for path in _differences(made, values)]
            else:
                found.lost.append(made.what)


def _differences(made: Made, values: dict[str, str]) -> list[str]:
    return [path for path, value in made.kept.items() if values.get(path) != value]


def _references(truth: Truth, mates: dict[int, Dataset], found: Verdicts) -> None:
    new = {truth.made[k].uid: str(ds.get("SOPInstanceUID", "")) for k, ds in mates.items()}
    for k, ds in mates.items():
        wanted = {new[uid] for uid in truth.made[k].references if uid in new}
        if wanted - references(ds):
            found.references.append(f"{truth.made[k].what}: {len(wanted - references(ds))} broken")


def _patients(truth: Truth, mates: dict[int, Dataset], found: Verdicts) -> None:
    ids: dict[str, set[str]] = defaultdict(set)
    for k, ds in mates.items():
        ids[truth.made[k].person].add(str(ds.get("PatientID", "")))
    found.patients += [
        f"{person} has {len(present)} ids" for person, present in ids.items() if len(present) > 1
    ]
    if len({i for present in ids.values() for i in present}) < len(ids):
        found.patients.append("two patients share an id")


def _dates(truth: Truth, mates: dict[int, Dataset], found: Verdicts, dates: str) -> None:
    days = defaultdict(set)
    for k, ds in mates.items():
        if truth.made[k].person == "ottoline":
            days["later" if truth.made[k].what == "CT follow-up" else "first"].add(
                str(ds.get("StudyDate", ""))
            )
    if dates == "removed" and days["later"] | days["first"] != {""}:
        found.dates.append("study dates are left")
    if dates == "shifted" and days:
        try:
            later, first = (
                datetime.strptime(next(iter(days[v])), "%Y%m%d") for v in ("later", "first")
            )
        except ValueError:
            found.dates.append("study dates are gone")
            return
        if (later - first).days != truth.follow_up_days or max(len(v) for v in days.values()) > 1:
            found.dates.append("the interval between visits is lost")


def _labels(truth: Truth, mates: dict[int, Dataset], found: Verdicts) -> None:
    for k, ds in mates.items():
        labels = [r.get("ROIName", "") for r in ds.get("StructureSetROISequence", [])]
        labels += [s.get("SegmentLabel", "") for s in ds.get("SegmentSequence", [])]
        if not labels:
            continue
        if any(not label for label in labels):
            found.labels.append(f"{truth.made[k].what}: a label is empty")
        if truth.clean_labels[0] not in labels:
            found.labels.append(f"{truth.made[k].what}: a clean label is gone")
