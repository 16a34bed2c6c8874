"""A verb's call as the words of a command, for the lines that start the tasks of a job array."""

import inspect
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pleura.store.addresses import is_remote, remote_path

NOT_REPEATED = frozenset(
    {"plan", "tasks", "task", "retry", "overwrite", "paths", "progress", "names", "sources"}
)
"""Parameters that are not repeated in the command of a task."""


@dataclass(frozen=True)
class Call:
    """The call of a verb: its name, and its command without the options of job arrays."""

    verb: str
    words: tuple[str, ...]
    paths: tuple[Path, ...]
    values: Mapping[str, Any]

    @property
    def workers(self) -> int:
        """The processes that were asked for."""
        return int(self.values.get("workers", 1))

    @classmethod
    def of(cls, verb: Callable[..., Any], values: Mapping[str, Any]) -> "Call":
        """The call of a verb with these arguments, by name. Paths become absolute."""
        words, paths = ["pleura", verb.__name__], []
        for name, parameter in inspect.signature(verb).parameters.items():
            value = values[name]
            if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
                paths.append(_full(Path(value)))
                words.append(str(paths[-1]))
            elif name not in NOT_REPEATED and value != parameter.default:
                words += _option(name, value)
        return cls(verb.__name__, tuple(words), tuple(paths), dict(values))

    def line(self, *more: str) -> str:
        """The command as a shell reads it."""
        return shlex.join((*self.words, *more))


def _option(name: str, value: Any) -> list[str]:
    option = "--" + name.replace("_", "-")
    if isinstance(value, bool):
        return [option]
    values = value if isinstance(value, tuple) else (value,)
    words = []
    for one in values:
        words += [option, str(_full(one) if _is_place(one) else one)]
    return words


def _is_place(value: Any) -> bool:
    return is_remote(value) or (isinstance(value, Path) and value.exists())


def _full(path: Path) -> Path:
    return remote_path(path) if is_remote(path) else path.resolve()
