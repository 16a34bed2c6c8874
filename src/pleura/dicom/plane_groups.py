"""The planes of an input by series, packed, so that a cohort of any size fits in memory."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from pleura.core.packed import Packed
from pleura.dicom.plane import Plane

Key = tuple[str, str, str]


class PlaneGroups:
    """Planes by SeriesInstanceUID and SOP class; without a SeriesInstanceUID, by folder."""

    def __init__(self) -> None:
        self._groups: dict[Key, Packed[Plane]] = defaultdict(Packed)

    def extend(self, planes: Iterable[Plane]) -> None:
        """Add planes. Those of a series take the least memory if they are added at once."""
        loose: dict[Key, list[Plane]] = defaultdict(list)
        for plane in planes:
            folder = "" if plane.series_uid else str(plane.path.parent)
            loose[plane.series_uid, plane.sop_class, folder].append(plane)
        for key, group in loose.items():
            self._groups[key].extend(group)

    def taken(self) -> Iterator[list[Plane]]:
        """Yield each group once, in a stable order, and forget it."""
        for key in sorted(self._groups):
            yield list(self._groups.pop(key))
