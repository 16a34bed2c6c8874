"""Label maps: the meaning of an image file's values, by a mapping or by names in the file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pleura.core.codes import refused
from pleura.core.errors import UnreadableFile
from pleura.core.findings import Finding
from pleura.core.lung_names import LungPart, lung_parts
from pleura.geometry.volume import LungMask
from pleura.images.image_file import ImageFile, check_numbers
from pleura.labels.mappings import LUNGS, Naming
from pleura.labels.seg_codes import as_sct, part_of_codes
from pleura.labels.structures import Structure, assemble
from pleura.labels.values import labels_of, sided

SEGMENT = re.compile(r"Segment(\d+)_(Name|LabelValue|Layer|Tags)")
"""Fields of 3D Slicer's `.seg.nrrd`, one set for each segment."""
CODE = re.compile(r"([^~^|]*)\^([^~^|]*)\^[^~|]*")
"""A code in a terminology entry: scheme, value, meaning."""


@dataclass(frozen=True)
class _Segment:
    name: str
    value: int
    layer: int
    tags: str


def read(image: ImageFile, naming: Naming = LUNGS) -> tuple[LungMask, tuple[Finding, ...]]:
    """Make a lung mask of a label map.

    Args:
        image: the voxels; the names of segments in its header count where no mapping is given.
        naming: what the values mean.

    Raises:
        InputRefused: values that `naming` does not know, or names without a lung.
        UnreadableFile: layers without names.
    """
    check_numbers(image.array)
    is_layered = image.array.ndim == 4
    may_be_named = naming == LUNGS or naming.beside
    segments = _segments(image.header, is_layered) if may_be_named else []
    if segments:
        return _by_names(image, segments)
    if image.array.ndim != 3:
        raise refused("IMAGE-LAYERS", UnreadableFile, n=len(image.array))
    labels = labels_of(image.array, naming)
    return LungMask(labels, image.grid, sided(labels, naming, image.is_sided)), ()


def _by_names(image: ImageFile, segments: list[_Segment]) -> tuple[LungMask, tuple[Finding, ...]]:
    layers = image.array if image.array.ndim == 4 else image.array[None]
    parts = lung_parts(segment.name for segment in segments)
    structures = []
    for segment in segments:
        part = parts.get(segment.name) or _by_terminology(segment.tags)
        if part is None:
            continue
        if segment.layer >= len(layers):
            raise refused("IMAGE-CORRUPT", UnreadableFile, format="NRRD")
        voxels = np.ascontiguousarray(layers[segment.layer] == segment.value)
        structures.append(Structure(segment.name, part, voxels))
    return assemble(structures, [segment.name for segment in segments], image.grid)


def _segments(header: Mapping[str, str], is_layered: bool) -> list[_Segment]:
    """The segments named in a header, in order; empty for a plain label map.

    Slicer up to 4.10 named no layers and no values: each segment is 1 in a layer of its own.
    """
    fields: dict[int, dict[str, str]] = {}
    for key, value in header.items():
        found = SEGMENT.fullmatch(key)
        if found:
            fields.setdefault(int(found[1]), {})[found[2]] = value
    has_own_layers = is_layered and not any("Layer" in values for values in fields.values())
    segments = []
    for number, values in sorted(fields.items()):
        if "Name" in values:
            label = _whole(values.get("LabelValue"), 1 if has_own_layers else number + 1)
            layer = _whole(values.get("Layer"), number if has_own_layers else 0)
            segments.append(_Segment(values["Name"], label, layer, values.get("Tags", "")))
    return segments


def _whole(text: str | None, default: int) -> int:
    if text is not None and text.strip().isdecimal():
        return int(text)
    return default


def _by_terminology(tags: str) -> LungPart | None:
    """The lung of a segment's terminology entry: `...~SCT^39607008^Lung~SCT^24028007^Right~...`."""
    entry = next((tag for tag in tags.split("|") if "erminology" in tag), "")
    codes = [as_sct(scheme, value) for scheme, value in CODE.findall(entry) if value]
    for k, code in enumerate(codes):
        part = part_of_codes(code, codes[k + 1] if k + 1 < len(codes) else None)
        if part is not None:
            return part
    return None
