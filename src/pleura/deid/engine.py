"""One recursive walk over a data set that does to every attribute what a profile says."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from pleura.deid.profile import Action, Profile

if TYPE_CHECKING:
    from pydicom import Dataset


def apply_profile(dataset: "Dataset", profile: Profile, case: str) -> Counter[str]:
    """Change `dataset` in place.

    Elements that are kept stay as they were read, undecoded, so that they are written back byte for byte.

    Args:
        dataset: a data set without its file meta.
        profile: what becomes of each attribute.
        case: the patient's id in the output.

    Returns:
        How often which action changed an attribute: `"(0010,0010) case" -> 1`. No values.
    """
    counts: Counter[str] = Counter()
    for tag in profile.required:
        if tag not in dataset:
            _put(dataset, tag, "")
    _walk(dataset, profile, case, counts)
    return counts


def _walk(dataset: "Dataset", profile: Profile, case: str, counts: Counter[str]) -> None:
    for tag in list(dataset.keys()):
        action = profile.rules.get(int(tag), profile.unlisted)
        if action is not Action.KEEP:
            counts[f"({tag.group:04X},{tag.element:04X}) {action}"] += 1
        if action is Action.REMOVE:
            del dataset[tag]
        elif action is Action.EMPTY:
            _put(dataset, tag, "")
        elif action is Action.CASE:
            _put(dataset, tag, case)
        elif _vr(dataset, tag) == "SQ":
            for item in dataset[tag].value or ():
                _walk(item, profile, case, counts)


def _put(dataset: "Dataset", tag: int, value: Any) -> None:
    from pydicom.datadict import dictionary_VR

    dataset.add_new(tag, dictionary_VR(tag), value)


def _vr(dataset: "Dataset", tag: Any) -> str:
    """The VR as read, or by the dictionary where the encoding is implicit; `UN` for what nobody knows."""
    from pydicom.datadict import dictionary_VR

    vr = dataset.get_item(tag).VR
    if vr:
        return str(vr)
    try:
        return dictionary_VR(tag)
    except KeyError:
        return "UN"
