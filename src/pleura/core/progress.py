"""Progress is a callable handed down, silent by default; only the terminal draws it."""

from typing import Protocol


class Progress(Protocol):
    """Called as work advances: `progress("read", 3, 140)`. `total` 0 means not known yet; `done
    == total` ends the stage.
    """

    def __call__(self, stage: str, done: int, total: int) -> None: ...


def silent(stage: str, done: int, total: int) -> None:
    """The default `Progress`: says nothing."""
