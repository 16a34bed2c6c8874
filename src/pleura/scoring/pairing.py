"""Match masks with references by case, in the folder layouts of tools and collections."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pleura.core.codes import finding
from pleura.core.errors import NothingUsable, UsageError
from pleura.core.findings import Finding
from pleura.dicom.series import Survey, survey
from pleura.geometry.grid import Grid
from pleura.images.bounded import image_files
from pleura.images.reading import load_image
from pleura.images.volumes import (
    IMAGE_FOLDERS,
    MASK_FOLDERS,
    case_of,
    find_ct_images,
    find_volumes,
)
from pleura.labels.case_names import CaseNames
from pleura.labels.mappings import Naming
from pleura.labels.matching import Matched, match, scans_of
from pleura.labels.objects import Scan
from pleura.labels.registry import (
    MAPS,
    MaskFiles,
    files_of_mask,
    find_masks,
    is_object,
    read_mask,
    suffix_of,
)
from pleura.labels.source_names import folder_names
from pleura.scoring.ct import CohortCt, Ct, ImageCt, SeriesCt
from pleura.store.cohort import Cohort
from pleura.store.layout import COHORT

if TYPE_CHECKING:
    from pleura.dicom.series import Series

Surveyed = Callable[[Path], Survey]
"""Returns the series of a folder."""
ANY = Naming("any", either=(1,), others=True)
"""For a file of which only the grid is read."""
PAIR = "pair"
"""The case of two single files."""
TABLES = (".json", ".csv", ".txt", ".md", ".pkl", ".html", ".png", ".log")
"""Suffixes of files beside masks that are not images."""

DIGEST = re.compile(r"CT-[0-9a-f]{8}")
"""How the id begins that a case has whose own name may identify the patient."""
DIGEST_HINT = (
    ". Ids such as CT-1a2b3c4d stand for names of the CT: let pleura prepare IN COHORT --masks REF "
    "match these, and give COHORT as REF"
)


@dataclass(frozen=True)
class CtCase:
    """Facts about a case's CT: its grid, its UIDs, how to read it, other names of the case, and the
    image file that only its grid is read from.
    """

    grid: Grid
    scan: Scan | None = None
    ct: Ct | None = None
    names: frozenset[str] = frozenset()
    file: Path | None = None


@dataclass(frozen=True)
class Reference:
    """A case to score: its reference (`path`, or the case of a cohort), and facts about its CT."""

    path: Path
    part: str | None = None
    in_cohort: bool = False
    about: CtCase | None = None
    image: ImageCt | None = None
    """CT in an image file beside the masks; its grid is known once it is read."""

    @property
    def files(self) -> list[Path]:
        """Every file or folder that is read, but those of a CT that has a grid."""
        files = [self.path] if self.in_cohort else files_of_mask(self.path)
        if self.image is not None:
            files += self.image.files
        if self.about is not None and self.about.file is not None:
            files += image_files(self.about.file)
        return files


@dataclass(frozen=True)
class References:
    """References by case; `unclear` cases have several, or an unreadable one, with the reason.

    `names` are other names of cases, such as the folder of a patient. `paths` are the masks of each
    case, where there are several all of them; `beside` the folders of CT beside those of masks.
    """

    cases: Mapping[str, Reference]
    scans: Sequence[Scan] = ()
    unclear: Mapping[str, Finding] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    beside: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Pairing:
    """The masks that have a reference, by case, and those that have none."""

    masks: Mapping[str, MaskFiles]
    unclear: Mapping[str, Finding]
    unanswered: tuple[str, ...]
    unmatched: tuple[str, ...]
    lost: tuple[str, ...]
    """A line for each label object that belongs to no CT here."""
    paths: Mapping[str, tuple[Path, ...]]
    """Every mask of each case."""

    @property
    def without_reference(self) -> tuple[str, ...]:
        """Masks without a reference, by case, then the lines about label objects."""
        return (*self.unmatched, *self.lost)


def find_references(
    ref: Path, pred: Path, grid: Path | None, split: str, surveyed: Surveyed = survey
) -> References:
    """Find the references of REF, with the CT that lies beside them, beside the masks, or in
    `grid`; `surveyed` returns the series of a folder.

    Raises:
        UsageError: REF does not exist, or `split` is chosen without a cohort.
    """
    if (ref / COHORT).exists():
        return _of_cohort(ref, split)
    if split != "all":
        raise UsageError("--split chooses cases of a cohort, but REF is not a cohort")
    places = [grid] if grid else [place for place in (ref, pred) if place.is_dir()]
    beside = [] if grid else [_images_beside(place) for place in places]
    found_beside = [place for place in dict.fromkeys(beside) if place is not None]
    known = _ct_cases([*places, *found_beside], surveyed, given=grid is not None)
    names = _other_names(known)
    scans = [about.scan for about in known.values() if about.scan is not None]
    found = _masks_of(ref, scans, surveyed)
    scans += [scan for scan in scans_of(found.masks) if scan.id not in known]
    images = find_ct_images([*places, *found_beside])
    cases: dict[str, Reference] = {}
    paths: dict[str, tuple[Path, ...]] = {}
    unclear = dict(found.unclear)
    for name, files in found.masks.items():
        case = names.get(name, name)
        image = images.get(case)
        paths[case] = (*paths.get(case, ()), *found.paths[name])
        if case in cases:
            unclear[case] = finding("MASKS-SEVERAL", n=len(paths[case]))
        cases[case] = Reference(
            files.path,
            about=known.get(case),
            image=ImageCt(image) if image is not None and case not in known else None,
        )
    return References(cases, scans, unclear, names, paths, tuple(found_beside))


def pair_masks(pred: Path, references: References, surveyed: Surveyed = survey) -> Pairing:
    """Find the mask of each reference.

    Masks are matched by case name, by another name of the case (the folder of its CT), or, for
    DICOM label objects, by the UIDs that they refer to. Two single files are matched with each
    other.

    Raises:
        NothingUsable: no reference has a mask.
    """
    found = _masks_of(pred, list(references.scans), surveyed, frozenset(references.cases))
    masks: dict[str, MaskFiles] = {}
    paths: dict[str, tuple[Path, ...]] = {}
    unclear = dict(found.unclear)
    known = CaseNames(frozenset(references.cases), references.names)
    for name, files in found.masks.items():
        case = known.case_of(name) or name
        paths[case] = (*paths.get(case, ()), *found.paths[name])
        if case in masks:
            unclear[case] = finding("MASKS-SEVERAL", n=len(paths[case]))
        masks[case] = files
    if PAIR in masks.keys() | references.cases.keys():
        masks, references = _as_pair(masks, references)
        paths = {case: files.paths for case, files in masks.items()}
    shared = masks.keys() & references.cases.keys()
    if not shared:
        counts = f"{len(masks)} masks and {len(references.cases)} references"
        hint = DIGEST_HINT if any(map(DIGEST.match, masks)) else ""
        raise NothingUsable(
            f"no case has both: {counts}, matched by case name and referenced UIDs: give mask and "
            f"reference of a case the same file name{hint}"
        )
    left = masks.keys() - references.cases.keys() - unclear.keys()
    return Pairing(
        {case: masks[case] for case in sorted(shared)},
        unclear,
        tuple(sorted(references.cases.keys() - masks.keys() - unclear.keys())),
        tuple(sorted(left)),
        found.lost,
        paths,
    )


def _as_pair(
    masks: dict[str, MaskFiles], references: References
) -> tuple[dict[str, MaskFiles], References]:
    """A single file is matched with the only case of the other side, and gets its name."""
    if len(masks) != 1 or len(references.cases) != 1:
        raise UsageError(
            "one of PRED and REF is a file and the other has several cases: give two files, or "
            "two folders"
        )
    (case,) = references.cases
    (files,) = masks.values()
    return {case: replace(files, case=case)}, references


def _masks_of(
    place: Path,
    scans: Sequence[Scan],
    surveyed: Surveyed,
    wanted: frozenset[str] | None = None,
) -> Matched:
    if place.is_file():
        kind = "npz" if suffix_of(place) == ".npz" else "map"
        files = MaskFiles(PAIR, npz=place) if kind == "npz" else MaskFiles(PAIR, map=place)
        return Matched({PAIR: files}, {}, paths={PAIR: files.paths})
    if wanted is None:
        wanted = frozenset(scan.id for scan in scans)
    return match(place, scans, wanted=wanted, surveyed=surveyed)


def _of_cohort(folder: Path, split: str) -> References:
    cohort = Cohort.open(folder)
    cases = {}
    for case in cohort.cases:
        part = cohort.split.part_of(case.id)
        if case.has_mask and split in ("all", part):
            about = CtCase(case.grid, _scan_of_case(case.id, case.about), CohortCt(case.folder))
            cases[case.id] = Reference(case.folder, part, in_cohort=True, about=about)
    return References(cases, [_scan_of_case(case.id, case.about) for case in cohort.cases])


def _scan_of_case(case: str, about: Mapping[str, object]) -> Scan:
    return Scan(str(about.get("frame_uid", "")), str(about.get("series_uid", "")), case)


def _ct_cases(places: Iterable[Path], surveyed: Surveyed, *, given: bool) -> dict[str, CtCase]:
    """The CT in folders: a cohort, DICOM series, or (if given by the user) label maps' grids."""
    found: dict[str, CtCase] = {}
    for place in places:
        if (place / COHORT).exists():
            cohort = Cohort.open(place)
            for case in cohort.cases:
                found.setdefault(
                    case.id,
                    CtCase(case.grid, _scan_of_case(case.id, case.about), CohortCt(case.folder)),
                )
            continue
        if given:
            found |= _grids_of_maps(place)
        if not found and (given or _may_have_dicom(place)):
            found |= {
                series.id: _of_series(series, place)
                for series in surveyed(place).series
                if _has_grid(series)
            }
    return found


def _images_beside(masks: Path) -> Path | None:
    """The folder of images beside a folder of masks, in the layout of common data sets."""
    if masks.name.lower() not in MASK_FOLDERS:
        return None
    beside = (masks.parent / name for name in IMAGE_FOLDERS)
    return next((place for place in beside if place.is_dir()), None)


def _grids_of_maps(place: Path) -> dict[str, CtCase]:
    maps = {
        case: files.map
        for case, files in find_masks(place).items()
        if files.map and not is_object(files.map)
    }
    images = {case_of(path): path for path in find_volumes(place).values()}
    grids = {case: load_image(path).grid for case, path in images.items() if case not in maps}
    grids |= {case: read_mask(path, naming=ANY).grid for case, path in maps.items()}
    files = images | maps
    return {case: CtCase(grid, file=files[case]) for case, grid in grids.items()}


def _may_have_dicom(place: Path) -> bool:
    """Whether a folder has any file that is neither a label map nor a table."""
    known = (*MAPS, ".npz", *TABLES)
    return any(
        path.is_file() and not path.name.lower().endswith(known) for path in place.rglob("*")
    )


def _has_grid(series: "Series") -> bool:
    return series.usable and series.grid is not None


def _of_series(series: "Series", place: Path) -> CtCase:
    assert series.grid is not None
    instances = frozenset(plane.sop_uid for plane in series.files)
    scan = Scan(series.frame_uid, series.series_uid, series.id, (), instances)
    return CtCase(series.grid, scan, SeriesCt(series), frozenset(folder_names(series, place)))


def _other_names(known: Mapping[str, CtCase]) -> dict[str, str]:
    """Folder name to case, for names that belong to one case only and are not case ids."""
    owners: dict[str, set[str]] = {}
    for case, about in known.items():
        for name in about.names:
            owners.setdefault(name, set()).add(case)
    return {
        name: next(iter(cases))
        for name, cases in owners.items()
        if len(cases) == 1 and name not in known
    }
