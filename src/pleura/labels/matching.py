"""Match masks with cases: by name or, for DICOM label objects, by what they reference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pleura.core.codes import refused
from pleura.core.errors import UnreadableFile
from pleura.labels.case_names import CaseNames
from pleura.labels.objects import Scan, case_of, join, scan_of
from pleura.labels.registry import MaskFiles, find_masks, is_object


@dataclass(frozen=True)
class Matched:
    """Masks by case; the cases whose mask is ambiguous, each with the reason; label objects of no
    scan here; and the number of masks of cases that have several.
    """

    masks: Mapping[str, MaskFiles]
    unclear: Mapping[str, str]
    lost: tuple[str, ...] = ()
    several: Mapping[str, int] = field(default_factory=dict)


def match(
    folder: Path,
    scans: Sequence[Scan],
    *,
    wanted: frozenset[str] = frozenset(),
    names: Mapping[str, str] = MappingProxyType({}),
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

    Raises:
        UsageError: no such folder.
    """
    ids = {scan.id for scan in scans}
    known = CaseNames(wanted | ids, names)
    found: dict[str, list[MaskFiles]] = {}
    unclear: dict[str, str] = {}
    for name, files in _named(folder):
        case = known.case_of(name) or name
        whose: str | None = case
        if is_object(files.path) and name not in ids:
            try:
                whose = case_of(files.path, scans)
            except UnreadableFile as error:
                unclear[case] = str(error)
        found.setdefault(whose or case, []).append(files)
    lost: list[str] = []
    if scans and not wanted <= found.keys():
        seen: set[Path] = set()
        for held in found.values():
            for files in held:
                seen |= {files.path, *files.more}
        joined, lost = _below(folder, seen, scans)
        for case, paths in joined.items():
            found.setdefault(case, []).extend(MaskFiles(case, path) for path in paths)
    several: dict[str, int] = {}
    for case, held in found.items():
        count = len(held) + sum(len(files.more) for files in held)
        if count > 1:
            several[case] = count
            unclear[case] = str(refused("MASKS-SEVERAL", n=count))
    masks = {case: held[0] for case, held in sorted(found.items())}
    return Matched(masks, unclear, tuple(lost), several)


def _named(folder: Path) -> list[tuple[str, MaskFiles]]:
    found = list(find_masks(folder).items())
    if found:
        return found
    return [pair for place in sorted(folder.iterdir()) if place.is_dir() for pair in _named(place)]


def _below(
    folder: Path, seen: set[Path], scans: Sequence[Scan]
) -> tuple[dict[str, list[Path]], list[str]]:
    """Label objects anywhere in the tree by the case that they reference.

    The second value has a line for each that belongs to no scan here.
    """
    from pleura.dicom.series import LABEL_CLASSES, find_series

    objects = [one for one in find_series(folder) if one.sop_class_uid in LABEL_CLASSES]
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
