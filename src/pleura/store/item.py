"""The record of one finished item: its input, the verb's record, and its files with SHA-256."""

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pleura.core.atomic import BOOKKEEPING, json_parts, read_json, remove, sha256_file, write_json
from pleura.store.layout import ITEMS, is_inside

Check = Literal["size", "hash"]
"""How results are compared with their records before they count as done."""


@dataclass
class Item:
    """The record of a finished item: `input` digest, the verb's `record`, `files` with SHA-256."""

    id: str
    input: str
    record: Any
    files: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "Item | None":
        """Read a record; `None` where it is broken or names anything outside OUT."""
        try:
            value = read_json(path)
            if value.pop("sha256") != digest_of(value):
                return None
            files = {
                name: (int(size), str(digest)) for name, (size, digest) in value["files"].items()
            }
            item = cls(str(value["id"]), str(value["input"]), value["record"], files)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return item if path.stem == stem_of(item.id) and all(map(is_inside, files)) else None

    @classmethod
    def of(cls, out: Path, id: str) -> "Item | None":
        """Read the record of an item; `None` where there is none, or it is broken."""
        return cls.read(item_file(out, id))

    @classmethod
    def standing(cls, out: Path, id: str, input: str, check: Check) -> "Item | None":
        """Read the record of an item of this input whose results stand; else `None`."""
        item = cls.of(out, id)
        return item if item and item.input == input and item.stands(out, check) else None

    def write(self, out: Path) -> None:
        """Write the record, with a digest of its own content."""
        about = {
            "id": self.id,
            "input": self.input,
            "record": self.record,
            "files": {name: list(size_and_hash) for name, size_and_hash in self.files.items()},
        }
        write_json(item_file(out, self.id), about | {"sha256": digest_of(about)})

    def stands(self, out: Path, check: Check) -> bool:
        """Whether all files of the item are in OUT, unchanged."""
        for name, (size, digest) in self.files.items():
            path = out / name
            try:
                if path.stat().st_size != size or (check == "hash" and sha256_file(path) != digest):
                    return False
            except OSError:
                return False
        return True


def stem_of(id: str) -> str:
    """File name of an item's record, without suffix: an id must not become a file name."""
    return hashlib.sha256(id.encode("utf-8", "surrogateescape")).hexdigest()[:24]


def item_file(out: Path, id: str) -> Path:
    """The path of an item's record."""
    return out / BOOKKEEPING / ITEMS / f"{stem_of(id)}.json"


def digest_of(value: Any) -> str:
    digest = hashlib.sha256()
    for part in json_parts(value):
        digest.update(part.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def files_below(out: Path, folder: str) -> dict[str, tuple[int, str]]:
    """The files of a folder of OUT, as names below OUT, with size and SHA-256."""
    files = sorted(path for path in (out / folder).rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): measured(path) for path in files}


def measured(path: Path) -> tuple[int, str]:
    """Size and SHA-256 of a file."""
    return path.stat().st_size, sha256_file(path)


def read_items(out: Path, but: Collection[str] = ()) -> Iterator[Item]:
    """Yield the recorded items, one at a time: all of them may not fit in memory.

    Args:
        out: the output folder.
        but: ids of items that are left out.
    """
    folder, left_out = out / BOOKKEEPING / ITEMS, {f"{stem_of(id)}.json" for id in but}
    names = os.listdir(folder) if folder.is_dir() else []
    for name in sorted(set(names) - left_out):
        item = Item.read(folder / name) if name.endswith(".json") else None
        if item is not None:
            yield item


def remove_files(out: Path, item: Item) -> None:
    """Remove an item's files, then empty folders; nothing outside OUT, nor through a link."""
    here = out.resolve()
    for name in item.files:
        path = out / name
        folder = path.parent.resolve()
        if folder == here or here in folder.parents:
            remove(path)
        while folder != here and here in folder.parents:
            with suppress(OSError):
                folder.rmdir()
            folder = folder.parent
