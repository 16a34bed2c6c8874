"""Find the series of an input: headers to stacks to `Series`, and an account of every file."""

import hashlib
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import sep
from os.path import realpath
from pathlib import Path

from pleura.core.findings import Verdict
from pleura.core.packed import Packed
from pleura.core.progress import Progress, silent
from pleura.dicom.assembly import CT_CLASSES, LABEL_CLASSES, Candidate, candidates
from pleura.dicom.descriptions import Description, describe
from pleura.dicom.gaps import Gaps
from pleura.dicom.image_series import Series
from pleura.dicom.related_series import compare_series
from pleura.dicom.tree import read_tree
from pleura.files.accounting import Accounting
from pleura.files.contents import DICOM
from pleura.files.walk import Walk

__all__ = ["CT_CLASSES", "LABEL_CLASSES", "Series", "Survey", "find_series", "survey"]

UNREADABLE = "unreadable"
"""Id of the entry of the files that could not be read."""

DUPLICATE = "duplicate slice"
"""Kind of files whose slices are duplicates of others."""

CASE_FOLDER = re.compile(r"(?:Case|Deid)_\d+")


def find_series(
    root: Path, *, gaps: Gaps = "refuse", workers: int = 0, progress: Progress = silent
) -> list[Series]:
    """Every series at or below `root` with its verdict; only headers are read, no pixels.

    Args:
        root: a folder, a file, an archive or a DICOMDIR.
        gaps: what to do with stacks with missing slices: refuse, split at the gaps, or interpolate.
        workers: threads (0 = automatic).
        progress: called with the number of headers read.

    Returns:
        Series sorted by id. Files that cannot be read are one refused entry with the id
        `unreadable`.

    Raises:
        UsageError: `root` does not exist.
    """
    return list(survey(root, gaps=gaps, workers=workers, progress=progress).series)


@dataclass(frozen=True)
class Survey:
    """The whole input: its series, and every file."""

    series: tuple[Series, ...]
    walk: Walk

    def accounting(
        self, used: Sequence[object], rest: str, series: Sequence[Series] | None = None
    ) -> Accounting:
        """Account for every file: used, refused by code, duplicate, or of another kind.

        Args:
            used: for each file of `walk` what is true where the file is used.
            rest: kind of the other files of series that are not refused.
            series: the series of `self`, where later checks have added findings.
        """
        series = sorted(self.series if series is None else series, key=_is_refused)
        fates: list[str | None] = [None] * len(self.walk.files)
        for one in series:  # a file whose frames belong to several is refused where one is
            code = one.refusing_code if _is_refused(one) else ""
            for number in self.numbers_of(plane.file for plane in one.files):
                fates[number] = code
        number_used = 0
        codes = Counter(file.code for file in self.walk.refused)
        counts: Counter[str] = Counter()
        for is_used, fate, file in zip(used, fates, self.walk.files, strict=True):
            if is_used:
                number_used += 1
            elif fate:
                codes[fate] += 1
            elif fate is not None:
                counts[rest] += 1
            else:
                counts[DUPLICATE if file.kind == DICOM else file.kind] += 1
        return Accounting(number_used, codes, counts)

    def outside(self, folder: Path) -> "Survey":
        """The same without the files at or below a folder."""
        top = realpath(folder)

        def is_outside(path: str) -> bool:
            return not f"{realpath(path)}{sep}".startswith(f"{top}{sep}")

        root = self.walk.root
        files = Packed(file for file in self.walk.files if is_outside(file.path))
        refused = tuple(one for one in self.walk.refused if is_outside(str(root / one.name)))
        return replace(self, walk=Walk(root, files, refused))

    def descriptions(self, series: Sequence[Series]) -> dict[str, Description]:
        """What users know each series by; these descriptions can identify."""
        return {one.id: describe(one.files, self.names(one)) for one in series if one.files}

    def names(self, series: Series) -> list[str]:
        """The names of a series' files, relative to the input."""
        numbers = self.numbers_of(plane.file for plane in series.files)
        return list(dict.fromkeys(self.walk.files[number].name for number in numbers))

    def numbers_of(self, places: Iterable[str]) -> list[int]:
        """The numbers of the files of `walk` at these locations, each once; of an archive, those of
        its members. Files of other trees have none.
        """
        numbers: dict[int, None] = {}
        for place in places:
            found = self._numbers_at.get(_key(place))
            if found is None:
                found = self._numbers_at_real.get(_key(realpath(place)), [])
            numbers |= dict.fromkeys([found] if isinstance(found, int) else found)
        return list(numbers)

    @cached_property
    def _numbers_at(self) -> dict[bytes, int | list[int]]:
        """Numbers by location, and those of the members of an archive by its path."""
        return self._numbers_by(str)

    @cached_property
    def _numbers_at_real(self) -> dict[bytes, int | list[int]]:
        """The same by real path, for folders that are given in another spelling."""
        return self._numbers_by(realpath)

    def _numbers_by(self, spelled: Callable[[str], str]) -> dict[bytes, int | list[int]]:
        numbers: dict[bytes, int | list[int]] = {}
        for number, file in enumerate(self.walk.files):
            for key in {_key(spelled(file.location)), _key(spelled(file.path))}:
                known = numbers.setdefault(key, number)
                if isinstance(known, list):
                    known.append(number)
                elif known != number:
                    numbers[key] = [known, number]
        return numbers


def _is_refused(series: Series) -> bool:
    return series.verdict is Verdict.REFUSED


def _key(place: str) -> bytes:
    """A location in few bytes, since an input may have millions."""
    return hashlib.blake2b(os.fsencode(place), digest_size=15).digest()


def survey(
    root: Path, *, gaps: Gaps = "refuse", workers: int = 0, progress: Progress = silent
) -> Survey:
    """Find the series as `find_series` does, and keep an account of every file of the input."""
    walk, groups = read_tree(root, workers=workers, progress=progress)
    series = []
    for planes in groups.taken():
        series += [_series(candidate, walk.root) for candidate in candidates(planes, gaps)]
    found = compare_series(_with_ids(series))
    if walk.refused:
        found.append(_unreadable(walk))
    return Survey(tuple(found), walk)


def _unreadable(walk: Walk) -> Series:
    """One refused entry for all files that could not be read."""
    return Series(UNREADABLE, "", "", "", "", "", 0, 0, len(walk.refused), None, walk.findings, ())


def _series(candidate: Candidate, root: Path) -> Series:
    first = candidate.planes[0]
    return Series(
        id="",
        series_uid=first.series_uid,
        study_uid=first.study_uid,
        frame_uid=first.frame_uid,
        modality=first.modality,
        sop_class_uid=first.sop_class,
        rows=first.rows,
        columns=first.columns,
        slices=len(candidate.planes) + len(candidate.missing),
        grid=candidate.grid,
        findings=tuple(candidate.findings),
        files=Packed(candidate.planes),
        folder=_case_folder(first.path, root),
        header=first.technical,
        missing=candidate.missing,
    )


def _case_folder(path: Path, root: Path) -> Path | None:
    """The nearest folder above a file, `root` included, whose name is `Case_<digits>`."""
    top = root.resolve() if root.is_dir() else root.resolve().parent
    for folder in path.resolve().parents:
        if CASE_FOLDER.fullmatch(folder.name):
            return folder
        if folder == top:
            return None
    return None


def _with_ids(found: Sequence[Series]) -> list[Series]:
    """Give unique ids: the name of the case folder, or else modality and a digest of the UID."""
    groups: dict[str, list[Series]] = defaultdict(list)
    for series in found:
        groups[_base_id(series)].append(series)
    named = []
    for base, group in groups.items():
        if len(group) > 1:
            group.sort(key=_order_within_id)
        for number, series in enumerate(group, 1):
            mark = "_" if _is_case(series) else "-"
            named.append(replace(series, id=base if len(group) == 1 else f"{base}{mark}{number}"))
    return sorted(named, key=lambda series: series.id)


def _is_case(series: Series) -> bool:
    return series.folder is not None and series.is_ct


def _base_id(series: Series) -> str:
    if series.folder is not None and series.is_ct:
        return series.folder.name
    prefix = re.sub(r"[^A-Z0-9]", "", series.modality.upper())[:4] or "XX"
    uid = series.series_uid or "|".join(sorted({plane.sop_uid for plane in series.files}))
    return f"{prefix}-{_digest(uid)[:8]}"


def _order_within_id(series: Series) -> tuple[int, str, int]:
    return series.files[0].series_number, _digest(series.series_uid), -series.slices


def _digest(uid: str) -> str:
    return hashlib.sha256(uid.encode()).hexdigest()
