"""Progress bars with the time left, on a terminal only; each is closed with its stage."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pleura.core.progress import Progress

SPEED_WINDOW_S = 600.0
"""Time left follows the mean speed of the last ten minutes, over the unequal steps of a case."""
NAME_WIDTH = 22
BAR_WIDTH = 20
"""With count, elapsed and remaining time a line has 78 characters: none wraps at 80 columns."""


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Yield a `Progress` that draws on standard error."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars
    from rich.table import Column

    columns = (
        TextColumn("{task.description}", table_column=Column(width=NAME_WIDTH, no_wrap=True)),
        BarColumn(BAR_WIDTH),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Bars(
        *columns, console=console, transient=True, speed_estimate_period=SPEED_WINDOW_S
    ) as bars:
        tasks: dict[str, Any] = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total or None)
            bars.update(tasks[stage], completed=done, total=total or None)
            if total and done >= total:
                bars.remove_task(tasks.pop(stage))

        yield progress
