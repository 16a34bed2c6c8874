"""An input in an object store, and its copy in the scratch folder."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pleura.core.atomic import parse_json
from pleura.core.errors import UsageError
from pleura.core.faults import note_missing_content
from pleura.store.addresses import remote_path
from pleura.store.mirror import placeholder
from pleura.store.object_store import Entry, Objects


@dataclass(frozen=True)
class Source:
    """An input in an object store, and its place in the scratch folder."""

    objects: Objects
    path: Path
    folder: Path
    entries: Mapping[str, Entry]

    @classmethod
    def of(cls, path: Path, place: Path) -> "Source":
        """The input at a path: the objects below it, or the one object that it is.

        Raises:
            UsageError: there is none.
        """
        url = remote_path(path)
        objects = Objects.below(url)
        entries = objects.list()
        if entries:
            return cls(objects, place / url.name, place / url.name, entries)
        objects = Objects.below(url.parent)
        entries = {
            name: entry for name, entry in objects.list(url.name).items() if name == url.name
        }
        if not entries:
            raise UsageError("IN does not exist in the object store; check the address")
        return cls(objects, place / url.name, place, entries)

    def get(self, names: Iterable[str]) -> None:
        """Download objects. Raises `OutputFailed` where one does not come to its end."""
        self.objects.get(self._files(names), self.entries)

    def get_to_walk(self) -> None:
        """Download every object, for a verb that reads the input by `files.walk`.

        An object that does not come to its end becomes a file that the verb refuses as unreadable.
        """
        for name in self.objects.get_most(self._files(self.entries), self.entries):
            placeholder(self.folder / name, self.entries[name])
            note_missing_content(self.folder / name)

    def get_for_jobs(self, names: Iterable[str]) -> None:
        """Download objects for the jobs of a task.

        One that does not come to its end is left out, so that its case fails and is tried again.
        """
        for name in self.objects.get_most(self._files(names), self.entries):
            (self.folder / name).unlink(missing_ok=True)

    def _files(self, names: Iterable[str]) -> dict[str, Path]:
        return {name: self.folder / name for name in names}

    def show(self) -> None:
        """Give every object a file without content."""
        for name, entry in self.entries.items():
            placeholder(self.folder / name, entry)

    def named_in(self, text: str) -> set[str]:
        """The objects whose files, or whose folders, a job names."""
        folder = re.escape(str(self.folder))
        found = set()
        for quoted in re.findall(rf'"{folder}/(?:[^"\\]|\\.)*"', text):
            name = str(parse_json(quoted)).removeprefix(f"{self.folder}/")
            above = name.split("/")
            found |= {"/".join(above[:end]) for end in range(1, len(above))} & self.entries.keys()
            found |= {one for one in self.entries if one == name or one.startswith(f"{name}/")}
        return found
