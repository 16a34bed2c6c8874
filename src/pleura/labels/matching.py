"""Match masks with cases: by name or, for DICOM label objects, by what they reference."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pleura.core.codes import finding
from pleura.core.errors import UnreadableFile
from pleura.core.faults import refusal_of
from pleura.core.findings import Finding
from pleura.dicom.series import LABEL_CLASSES, Series, Survey, survey
from pleura.labels.case_names import CaseNames
from pleura.labels.objects import Scan, case_of, join, scan_of
from pleura.labels.registry import MaskFiles, find_masks, is_object


@dataclass(frozen=True)
class Matched:
    """Masks by case; the cases whose mask is ambiguous, each with the reason; a line about each
    label object of no scan here; and every mask of each case.
    """

    masks: Mapping[str, MaskFiles]
    unclear: Mapping[str, Finding]
    lost: tuple[str, ...] = ()
    paths: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)


def match(
    folder: Path,
    scans: Sequence[Scan],
    *,
    wanted: frozenset[str] = frozenset(),
    names: Mapping[str, str] = MappingProxyType({}),
    surveyed: Callable[[Path], Survey] = survey,
) -> Matched:
    """The masks of a folder by case.

    Masks with names of cases come first (`find_masks`; where the folder has none, in the folders
    below). A DICOM label object with another name goes to the scan that it references. Where cases
    of `wanted` still have no mask, label objects anywhere below are tried.

    Args:
        folder: the folder of the masks.
        scans: what is known of the scans; their ids are cases.
        wanted: cases that should have a mask.
        names: other names of cases; see `source_names.ids_by_name`.
        surveyed: returns the series of a folder.

    Raises:
        UsageError: no such folder.
    """
    ids = {scan.id for scan in scans}
    known = CaseNames(wanted | ids, names)
    found: dict[str, list[MaskFiles]] = {}
    unclear: dict[str, Finding] = {}
    for name, files in _named(folder):
        case = known.case_of(name) or name
        whose: str | None = case
        if is_object(files.path) and name not in ids:
            try:
                whose = case_of(files.path, scans)
            except UnreadableFile as error:
                unclear[case] = refusal_of(error)
        found.setdefault(whose or case, []).append(files)
    lost: list[str] = []
    if scans and not wanted <= found.keys():
        seen: set[Path] = set()
        for held in found.values():
            for files in held:
                seen.update(files.paths)
        joined, lost = _below(surveyed(folder).series, seen, scans)
        for case, objects in joined.items():
            found.setdefault(case, []).extend(MaskFiles(case, path) for path in objects)
    paths: dict[str, tuple[Path, ...]] = {}
    for case, held in found.items():
        count = len(held) + sum(len(files.more) for files in held)
        if count > 1:
            unclear[case] = finding("MASKS-SEVERAL", n=count)
        paths[case] = tuple(path for files in held for path in files.paths)
    masks = {case: held[0] for case, held in sorted(found.items())}
    return Matched(masks, unclear, tuple(lost), paths)


def _named(folder: Path) -> list[tuple[str, MaskFiles]]:
    found = list(find_masks(folder).items())
    if found:
        return found
    return [pair for place in sorted(folder.iterdir()) if place.is_dir() for pair in _named(place)]


def _below(
    series: Sequence[Series], seen: set[Path], scans: Sequence[Scan]
) -> tuple[dict[str, list[Path]], list[str]]:
    """Label objects among all series of a tree by the case that they reference.

    The second value has a line for each that belongs to no scan here.
    """
    objects = [one for one in series if one.sop_class_uid in LABEL_CLASSES]
    joined, unmatched = join(
        (one for one in objects if not {plane.path for plane in one.files} & seen), scans
    )
    return {case: [one.path for one in held] for case, held in joined.items()}, unmatched


def scans_of(masks: Mapping[str, MaskFiles]) -> list[Scan]:
    """The scans that DICOM label objects among the masks reference.

    Other label objects may reference the same scans.
    """
    scans = [scan_of(files.path, case) for case, files in masks.items() if is_object(files.path)]
    return [scan for scan in scans if scan is not None]
