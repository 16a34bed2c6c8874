"""Walk over a data set recursively, and apply a profile's action to every attribute."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pleura.deid import codes
from pleura.deid.identifiers import NOBODY, Identifiers, harvest
from pleura.deid.identity import STANDARD_ROOT, new_uid
from pleura.deid.labels import clean_label, is_technical
from pleura.deid.profile import GONE, Action, Profile, Rule, kept_tags, resolve
from pleura.deid.safe_private import safe_vr
from pleura.deid.tables import types
from pleura.deid.text import MASK, Scrubber
from pleura.deid.values import (
    LENGTHS,
    TEXT,
    WIDTHS,
    capped_age,
    day_of,
    dummy,
    same_family,
    shifted,
    stored_bytes,
    valid,
)

if TYPE_CHECKING:
    from pydicom import Dataset

KEPT: Rule = (Action.KEEP,)
SHORT = 256  # bytes: shorter values are remembered, for they recur in the next file

PIXELS = {0x7FE00010, 0x7FE00008, 0x7FE00009}
TECHNICAL = {
    0x00181210,
    0x00181160,
    0x00080070,
    0x00081090,
    0x00080008,
    0x00180015,
    0x00185100,
    0x00080060,
    0x00181250,
}
"""Kernel, filter, manufacturer, model, image type, body part, positions, modality and coil.

Their values can look like names: a patient may be called Sharp.
"""


@dataclass(frozen=True)
class Patient:
    """What the engine must know of a patient. Secret: it holds the identifiers that are removed."""

    case: str
    key: bytes = b""
    days: int = 0
    identifiers: Identifiers = NOBODY


class Engine:
    """Applies a profile to the objects of one patient, remembering decisions and short values."""

    def __init__(self, profile: Profile, patient: Patient) -> None:
        self.profile = profile
        self.patient = patient
        self.types = types() if profile.vrs else None
        self.kept = kept_tags(profile) or frozenset()
        self.any_date = "113106" not in profile.codes
        self._numbers = (
            frozenset(p for p in patient.identifiers.phrases if p.isdigit())
            | patient.identifiers.dates
        )
        self._actions: dict[tuple[int, str, int], Action] = {}
        self._births = patient.identifiers.births
        self._uids: dict[str, str] = {}
        self._values: dict[tuple[str, bool, str], str] = {}
        self._clean: set[tuple[str, bool, str, bytes]] = set()
        self._scrubbers: dict[Identifiers, Scrubber] = {}
        self._counts: Counter[str] = Counter()

    def apply(self, dataset: "Dataset") -> Counter[str]:
        """Change `dataset` (without its file meta) in place.

        Elements that are kept are not decoded, so they are written back byte for byte.

        Returns:
            How often which action changed an attribute: `"(0010,0010) case" -> 1`. No values.
        """
        self._counts = Counter()
        if self.profile.vrs:
            self._scrub = self._scrubber(self.patient.identifiers | harvest(dataset, self.kept))
        for tag in self.profile.required:
            if tag not in dataset:
                dataset.add_new(tag, _dictionary_vr(tag), "")
        place = self.types.root(str(dataset.get("SOPClassUID", ""))) if self.types else 0
        self._walk(dataset, place)
        return self._counts

    def again(self, dataset: "Dataset", tags: Collection[int]) -> dict[int, tuple[str, ...]] | None:
        """Apply the profile to some elements of an object that is like an earlier one.

        Returns:
            What was done, by tag; `None` where the object has an identifier that `patient` does not
            have.
        """
        if self.profile.vrs:
            if not harvest(dataset, self.kept) <= self.patient.identifiers:
                return None
            self._scrub = self._scrubber(self.patient.identifiers)
        place = self.types.root(str(dataset.get("SOPClassUID", ""))) if self.types else 0
        done = {}
        for tag in [tag for tag in dataset.keys() if tag in tags]:  # noqa: SIM118
            self._counts = Counter()
            self._element(dataset, tag, place)
            done[int(tag)] = tuple(self._counts.elements())
        return done

    def _scrubber(self, identifiers: Identifiers) -> Scrubber:
        if identifiers not in self._scrubbers:
            # memory stays constant where every object has other identifiers
            if len(self._scrubbers) > 8:
                self._scrubbers.clear()
            self._values.clear()
            self._clean.clear()
            self._scrubbers[identifiers] = Scrubber(identifiers, any_date=self.any_date)
        self._births = identifiers.births
        return self._scrubbers[identifiers]

    def _walk(self, dataset: "Dataset", place: int) -> None:
        coded = self.profile.vrs and codes.SCHEME in dataset and codes.standard(dataset)
        for tag in sorted(dataset.keys()):
            if not (coded and int(tag) in codes.FIXED):
                self._element(dataset, tag, place)

    def _element(self, dataset: "Dataset", tag: Any, place: int) -> None:
        number, vr = int(tag), self._vr(dataset, tag)
        if self.profile.private and (safe := safe_vr(dataset, tag)):
            return self._check(dataset, tag, safe, place) if safe in ("DS", "IS") else None
        action = self._actions.get((number, vr, place))
        if action is None:
            action = self._actions[number, vr, place] = self._decide(number, vr, place)
        if action is not Action.KEEP:
            self._do(dataset, tag, vr, action, place)
        return None

    def _vr(self, dataset: "Dataset", tag: Any) -> str:
        """The VR as read, or the dictionary's where the file's VR does not fit."""
        read = dataset.get_item(tag).VR
        if read and (read != "UN" or not self.profile.vrs):
            return str(read)
        known = _dictionary_vr(tag)
        if read == "UN" and known != "UN" and not tag.is_private:
            try:
                return str(dataset[tag].VR)  # decoding gives it its own VR
            except Exception:
                return "UN"
        return known

    def _decide(self, number: int, vr: str, place: int) -> Action:
        rule = self._rule(number, vr)
        if (
            number in self.profile.tags
            and self.profile.vrs
            and not same_family(vr, _dictionary_vr(number))
        ):
            # the value is not of the kind that the table means
            rule = (*GONE, Action.EMPTY, Action.DUMMY) if vr != "SQ" else GONE
        kind = self.types.of(place, number) if self.types else ""
        action = resolve(rule, kind)
        if vr == "SQ" and action not in (Action.REMOVE, Action.EMPTY, Action.KEEP):
            return Action.WALK
        return Action.WALK if vr == "SQ" and action is Action.KEEP else action

    def _rule(self, number: int, vr: str) -> Rule:
        profile = self.profile
        group = number >> 16
        if number in profile.tags:
            return profile.tags[number]
        if group & 1:
            return profile.groups.get("private", KEPT)
        if not number & 0xFFFF:
            return profile.groups.get("length", KEPT)
        if 0x5000 <= group <= 0x50FF:
            return profile.groups.get("curve", KEPT)
        if 0x6000 <= group <= 0x60FF:
            return profile.groups.get("overlay", KEPT)
        if not profile.vrs or number in PIXELS or vr == "SQ":
            return KEPT
        if vr == "UI" and codes.names_a_class(number):
            return (Action.CHECK,)
        known = _dictionary_vr(number)
        if known == "UN" or (vr not in TEXT and not same_family(vr, known)):
            return (Action.REMOVE, Action.EMPTY, Action.DUMMY)
        return profile.vrs.get(vr, GONE)

    def _do(self, dataset: "Dataset", tag: Any, vr: str, action: Action, place: int) -> None:
        if action is Action.WALK:
            self._items(dataset, tag, place)
        elif action is Action.REMOVE:
            self._count(tag, action)
            del dataset[tag]
        elif action is Action.CASE:
            self._put(
                dataset,
                tag,
                vr if vr in ("PN", "LO") else _dictionary_vr(tag),
                self.patient.case,
                action,
            )
        elif action in (Action.EMPTY, Action.DUMMY):
            self._blank(dataset, tag, vr, action)
        elif dataset.get_item(tag).value in (None, b"", ""):
            return
        elif action is Action.CHECK and vr not in TEXT:
            self._check(dataset, tag, vr, place)
        else:
            self._replace(dataset, tag, vr, action, place)

    def _items(self, dataset: "Dataset", tag: Any, place: int) -> None:
        try:
            items = list(dataset[tag].value or ())
        except Exception:  # a sequence that cannot be parsed can hold anything
            self._count(tag, Action.REMOVE)
            del dataset[tag]
            return
        below = self.types.below(place, int(tag)) if self.types else 0
        for item in items:
            self._walk(item, below)

    def _blank(self, dataset: "Dataset", tag: Any, vr: str, action: Action) -> None:
        if vr == "SQ":
            self._put(dataset, tag, vr, [], action)
        elif action is Action.EMPTY:
            self._put(dataset, tag, vr, None if vr in WIDTHS or vr in ("OB", "UN") else "", action)
        elif dataset.get_item(tag).value not in (None, b"", ""):
            if vr == "UI":  # one dummy for all would make one UID of many
                self._replace(dataset, tag, vr, Action.UID, 0)
            else:
                self._put(dataset, tag, vr, dummy(vr), action)

    def _check(self, dataset: "Dataset", tag: Any, vr: str, place: int) -> None:
        value = stored_bytes(dataset.get_item(tag), vr)
        if value is None:
            return self._replace(dataset, tag, vr, Action.CLEAN, place) if vr == "CS" else None
        technical = int(tag) in TECHNICAL
        key = (vr, technical, "", value)
        if key in self._clean:
            return None
        if valid(vr, value) and not self._tells(vr, value):
            if len(value) < SHORT:
                self._clean.add(key)
            return None
        if vr in ("CS", "UI"):
            return self._replace(dataset, tag, vr, Action.CLEAN, place)
        return self._lose(dataset, tag, vr, place)

    def _tells(self, vr: str, value: bytes) -> bool:
        """Whether a value of valid form is an identifier nevertheless."""
        # a number identifies nobody, unless it is long enough to be an id
        if vr in ("DS", "IS"):
            parts = value.decode("ascii", "replace").split("\\")
            whole = (part.strip(" +").partition(".") for part in parts)
            return any(
                len(number) > 5 and number in self._numbers and not rest.strip("0")
                for number, _, rest in whole
            )
        if vr in ("DA", "DT"):
            return any(
                day_of(part) in self._births
                for part in value.decode("ascii", "replace").split("\\")
            )
        if vr == "CS":
            parts = value.decode("ascii", "replace").split("\\")
            return any(
                len(part.strip()) > 3 and not is_technical(part) and self._scrub.clean(part) != part
                for part in parts
            )
        if vr in WIDTHS or vr == "OB":
            return len(value) > 7 and self._scrub.names_somebody(value[:65536])
        return False

    def _replace(self, dataset: "Dataset", tag: Any, vr: str, action: Action, place: int) -> None:
        """Apply an action that derives a new value from the old one."""
        technical = int(tag) in TECHNICAL
        raw = dataset.get_item(tag)
        key = None
        if raw.is_raw and isinstance(raw.value, bytes) and len(raw.value) < SHORT:
            key = (vr, technical, action, raw.value)
        if key in self._clean:
            return
        try:
            old = dataset[tag].value
        except Exception:  # not text in any character set that it declares
            self._lose(dataset, tag, vr, place)
            return
        parts = [str(old)]
        if isinstance(old, (list, tuple)) or type(old).__name__ == "MultiValue":
            parts = [str(part) for part in old]
        new = [self._new(dataset, int(tag), part, vr, action) for part in parts]
        if None in new or (vr in TEXT and len(new) > 1 and self._names_across(new)):
            self._lose(dataset, tag, vr, place)
        elif new != parts:
            self._put(dataset, tag, vr, new if len(new) > 1 else new[0], action)
        elif key is not None and action is not Action.LABEL:
            self._clean.add(key)

    def _names_across(self, parts: Sequence[str | None]) -> bool:
        """Whether several values make an identifier together, as `S\\u00f8rensen` does."""
        text = "\\".join(str(part) for part in parts)
        return self._scrub.clean(text) != text

    def _label(self, part: str) -> str | None:
        """The name of a structure; `None` where it would have a new word that names the patient."""
        label = clean_label(part)
        if label in (None, part) or self._scrub.clean(label) == label:
            return label
        return None

    def _shifted(self, vr: str, part: str) -> str | None:
        """A date moved by the patient's days; `None` where it is the date of birth."""
        if day_of(part) in self._births:
            return None
        return shifted(vr, part, self.patient.days) if part else part

    def _new(self, dataset: "Dataset", tag: int, part: str, vr: str, action: Action) -> str | None:
        """The new value, or `None` where nothing of the old one can stay."""
        if action is Action.UID:
            return self.uid(part)
        if action is Action.SHIFT:
            return self._shifted(vr, part)
        if action is Action.AGE:
            return capped_age(part)
        if action is Action.LABEL:
            return self._label(part) or f"ROI_{codes.number_of(dataset)}"
        # a technical value is kept as a whole, or cleaned
        if (tag in TECHNICAL or vr == "CS") and is_technical(part):
            return part
        clean = self._scrub.clean(part)
        # the rest of a known term would reveal the part that was removed
        if tag in TECHNICAL and clean != part:
            return None
        if tag == codes.MEANING and clean != part:
            return (
                codes.meaning(
                    str(dataset.get("CodingSchemeDesignator", "")),
                    str(dataset.get("CodeValue", "")),
                )
                or clean
            )
        if vr == "CS" and clean != part:
            return dummy("CS") if clean.isascii() else None  # type: ignore[return-value]
        if vr == "UI":
            return part if valid("UI", part.encode("ascii", "replace")) else None
        return None if clean == MASK else clean[: LENGTHS.get(vr)]

    def uid(self, old: str) -> str:
        """The UID that replaces `old`; UIDs of the Standard stay."""
        if not old or old.startswith(STANDARD_ROOT):
            return old
        if old not in self._uids:
            self._uids[old] = new_uid(self.patient.key, old.strip(" \0"))
        return self._uids[old]

    def _lose(self, dataset: "Dataset", tag: Any, vr: str, place: int) -> None:
        """Remove a value that cannot stay or be replaced, as far as the Type allows."""
        kind = self.types.of(place, int(tag)) if self.types else ""
        action = resolve((Action.REMOVE, Action.EMPTY, Action.DUMMY), kind)
        if action is Action.REMOVE:
            self._count(tag, action)
            del dataset[tag]
        else:
            self._blank(dataset, tag, vr, action)

    def _put(self, dataset: "Dataset", tag: Any, vr: str, value: Any, action: Action) -> None:
        self._count(tag, action)
        dataset.add_new(tag, vr, value)

    def _count(self, tag: Any, action: Action) -> None:
        name = "private" if tag.is_private else f"({tag.group:04X},{tag.element:04X})"
        self._counts[f"{name} {action}"] += 1


@cache
def _dictionary_vr(tag: int) -> str:
    """The VR of a tag by the data dictionary, the first of several; `UN` where it has none."""
    from pydicom.datadict import dictionary_VR

    try:
        return dictionary_VR(tag).split(" or ")[0]
    except KeyError:
        return "UN"
