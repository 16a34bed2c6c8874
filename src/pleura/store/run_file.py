"""The file `run.json` of OUT: its head, which decides who may resume the run, and its content."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pleura import __version__
from pleura.core.json_stream import no_list, packed_list, read_json_object
from pleura.store.layout import RUN

FORMAT = "pleura-run/2"
OTHER = {
    "format": "another format",
    "verb": "another command",
    "version": "another version of pleura",
    "options": "other options",
}
"""What the parts of a run's head that differ are called."""


def head_of(verb: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The head of `run.json`; a run can be resumed only by a call with an equal head."""
    return {"format": FORMAT, "verb": verb, "version": __version__, "options": dict(options)}


def difference(record: Mapping[str, Any], head: Mapping[str, Any]) -> str:
    """How the head of a run differs from this one's, in words; empty where it does not."""
    return " and ".join(words for key, words in OTHER.items() if record.get(key) != head[key])


def record_in(
    out: Path, make_list: Callable[[Iterator[Any]], Any] = packed_list
) -> dict[str, Any] | None:
    """The content of `run.json`; `None` where there is none, or it is not ours.

    Its lists, such as the records of cases, come item by item (`json_stream.read_json_object`).
    """
    try:
        record = read_json_object(out / RUN, make_list)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError):
        return None
    if not isinstance(record.get("verb"), str):
        return None
    return record if str(record.get("format", "")).startswith("pleura-run/") else None


def head_in(out: Path) -> dict[str, Any] | None:
    """As `record_in`, without the lists."""
    return record_in(out, no_list)
