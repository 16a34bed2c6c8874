"""Which case a name of a mask means."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True)
class CaseNames:
    """Ids of cases, and `others`: names that cases have besides."""

    ids: frozenset[str]
    others: Mapping[str, str] = field(default_factory=dict)

    def case_of(self, name: str) -> str | None:
        """The case of a name: an id, another name, or the only one of both that differs in nothing
        but upper and lower case.
        """
        if name in self.ids:
            return name
        if name in self.others:
            return self.others[name]
        return self._folded.get(name.casefold())

    @cached_property
    def _folded(self) -> dict[str, str]:
        every = {**self.others, **{name: name for name in self.ids}}
        return {
            folded: every[same[0]] for folded, same in _by_folded(every).items() if len(same) == 1
        }


def _by_folded(names: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(name.casefold(), []).append(name)
    return found
