"""A scratch copy of an OUT in an object store: what is needed comes down, what is new goes up.

Files of OUT that no command reads again (masks, tables) are files of the same size without content
here: enough to see that they are there. What goes up does so in an order that a kill cannot harm:
results, then the record of their case, and `run.json` last.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pleura.core.atomic import BOOKKEEPING, PART
from pleura.store.claims import plan_is_gone
from pleura.store.item import Item
from pleura.store.layout import CLAIMS, FAILED, INPUT, ITEMS, JOB_BODIES, JOBS, LOCK, RUN
from pleura.store.object_store import Entry, Objects

READ_AGAIN = (".json", ".jsonl", ".png")
"""Endings of files in OUT that a later run reads."""
ITEM_FOLDER, FAILED_FOLDER, BODIES, CLAIMED = (
    f"{BOOKKEEPING}/{name}/" for name in (ITEMS, FAILED, JOB_BODIES, CLAIMS)
)
MARKERS = (f"{BOOKKEEPING}/{INPUT}", RUN, JOBS)
"""What says that the rest is there; written last, in this order."""
HERE = "//SCRATCH//"
"""Stands for the scratch folder in uploaded jobs."""

Stamp = tuple[int, int, int]


@dataclass
class Mirror:
    """The scratch copy `folder`, below `scratch`, of an OUT with these `entries`.

    `known` are the names that the store has, with size, time and inode of the copy here.
    """

    objects: Objects
    scratch: Path
    folder: Path
    entries: Mapping[str, Entry] = field(default_factory=dict)
    known: dict[str, Stamp] = field(default_factory=dict)
    seen: Stamp | None = None

    def stage(self, names: Iterable[str], *, whole: bool = False) -> None:
        """Bring objects here; with `whole`, also the content of what no command reads again."""
        wanted = [name for name in names if _is_shared(name)]
        read = {name for name in wanted if whole or name.endswith(READ_AGAIN)}
        self.objects.get({name: self.folder / name for name in read}, self.entries)
        for name in wanted:
            path = self.folder / name
            if name not in read:
                placeholder(path, self.entries[name])
            elif name.startswith(BODIES):
                self._rewrite(path, HERE, _quoted(self.scratch))
            self.known[name] = _stamp(path)

    @property
    def has_new_cases(self) -> bool:
        """Whether a case has finished since `push_cases`."""
        return self._items() not in (None, self.seen)

    def push_cases(self) -> None:
        """Upload that the run has begun, and what is new of finished cases."""
        if self.has_new_cases:
            self._push(name for name in MARKERS[:2] if self._is_new(name))
            self._push_records()

    def _push_records(self) -> None:
        """Upload what is new of finished cases, each before its record."""
        now = self._items()
        for name in self._changed(ITEM_FOLDER):
            item = Item.read(self.folder / name)
            if name in self.known:  # it is not true any more once its files change
                self._drop([name])
            if item is not None:
                self._push(one for one in item.files if self._is_new(one))
            self._push([name])
        self._push(self._changed(FAILED_FOLDER))
        self.seen = now

    def push_all(self) -> None:
        """Make the store equal to the copy here."""
        gone = [name for name in self.known if not (self.folder / name).exists()]
        if self._is_new(JOBS) or JOBS in gone:
            self._drop([JOBS])
            self.objects.delete(self.objects.list(CLAIMED))
        self._drop(name for name in gone if name.startswith(ITEM_FOLDER))
        self._drop(name for name in gone if name in self.known)
        self._push_records()
        self._push(name for name in self._changed() if name not in MARKERS)
        for name in MARKERS:
            self._push([name] if self._is_new(name) else [])

    def keep_here(self, name: str) -> None:
        """Do not upload a file as it is now."""
        self.known[name] = _stamp(self.folder / name)

    def check_planned(self) -> None:
        """Raise `OutputBusy` where another run has collected the plan meanwhile."""
        if self.objects.read(JOBS) is None:
            raise plan_is_gone()

    def _items(self) -> Stamp | None:
        """The state of the folder of records, which changes with each record."""
        folder = self.folder / BOOKKEEPING / ITEMS
        return _stamp(folder) if folder.is_dir() else None

    def _changed(self, folder: str = "") -> list[str]:
        found = []
        for above, _, names in os.walk(self.folder / folder):
            found += [Path(above, name).relative_to(self.folder).as_posix() for name in names]
        return sorted(name for name in found if _is_shared(name) and self._is_new(name))

    def _is_new(self, name: str) -> bool:
        path = self.folder / name
        return path.exists() and self.known.get(name) != _stamp(path)

    def _push(self, names: Iterable[str]) -> None:
        """Upload files; jobs name the scratch folder by a word that every task replaces."""
        listed = list(names)
        for name in listed:
            if name.startswith(BODIES):
                self._rewrite(self.folder / name, _quoted(self.scratch), HERE)
        stamps = {name: _stamp(self.folder / name) for name in listed}
        self.objects.put({name: self.folder / name for name in listed})
        self.known |= stamps

    def _drop(self, names: Iterable[str]) -> None:
        listed = [name for name in names if name in self.known]
        self.objects.delete(listed)
        for name in listed:
            del self.known[name]

    def _rewrite(self, path: Path, old: str, new: str) -> None:
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def placeholder(path: Path, entry: Entry) -> None:
    """A file with the size and time of an object, and without content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(entry.size)
    os.utime(path, ns=(entry.time_ns, entry.time_ns))


def _is_shared(name: str) -> bool:
    """Whether a file belongs to OUT, and not to one process."""
    if name.startswith((CLAIMED, f"{BOOKKEEPING}/{LOCK}", f"{BOOKKEEPING}/beats/")):
        return False
    return not any(part.startswith(PART) for part in name.split("/"))


def _quoted(path: Path) -> str:
    """A path as it stands within a JSON string."""
    return json.dumps(str(path))[1:-1]


def _stamp(path: Path) -> Stamp:
    about = path.stat()
    return about.st_size, about.st_mtime_ns, about.st_ino
