"""`pleura status`: how far a run or a job array on OUT is."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pleura.core.errors import Exit, UsageError
from pleura.core.progress import Progress, silent
from pleura.core.results import Table
from pleura.core.text import counted
from pleura.store.addresses import is_remote
from pleura.store.failures import Failure
from pleura.store.status import Standing, standing_of


@dataclass(frozen=True)
class StatusResult:
    """How many cases are done, failed, running and left, and the failed ones."""

    out: Path
    standing: Standing
    failures: Mapping[str, Failure]

    @property
    def exit_code(self) -> Exit:
        """1 where a case failed."""
        return Exit.SOME_FAILED if self.failures else Exit.OK

    def as_json(self) -> Any:
        """Counts, seconds left (`null` where unknown), and a line for each failed case."""
        return self.standing.as_json() | {
            "failures": [vars(one) for _, one in sorted(self.failures.items())]
        }

    def table(self) -> Table | None:
        """Counts in a row."""
        about = self.standing
        row = (
            *(str(n) for n in (about.cases, about.done, about.failed, about.running)),
            *(str(about.left), _duration(about.seconds_left)),
        )
        columns = ("cases", "done", "failed", "running", "left", "time left")
        return Table(f"{about.verb}: {about.state}", columns, (row,))

    def notes(self) -> Sequence[str]:
        """Each code with its number of cases, then each failed case."""
        counts = Counter(one.code for one in self.failures.values())
        return [
            *(f"{code}: {counted(count, 'case', 'cases')}" for code, count in counts.most_common()),
            *(
                f"{one.id}: {one.code}, attempt {one.attempt} on {one.host}, {one.seconds:g} s"
                for _, one in sorted(self.failures.items())
            ),
        ]


def status(out: Path, *, progress: Progress = silent) -> StatusResult:
    """Show how far a run is: done, failed, running and left.

    Reads what tasks of a job array, or one run, have recorded in OUT so far; writes nothing and
    disturbs nobody. A case whose process ended without an answer counts as left. A run without a
    plan knows its number of cases at its end only; if its process has ended before, it is called
    interrupted.

    Args:
        out: Folder that pleura writes to, or its s3:// address.
        progress: Called as records are counted.

    Returns:
        Counts, the time left at the present rate, and the failed cases with their codes.

    Raises:
        UsageError: OUT is not the output of a batch.
    """
    found = _standing(out)
    if found is None:
        raise UsageError("status: OUT is not a folder that pleura writes cases to; check the path")
    progress("cases", found[0].cases, found[0].cases)
    return StatusResult(out, *found)


def _standing(out: Path) -> tuple[Standing, Mapping[str, Failure]] | None:
    if is_remote(out):
        from pleura.store.remote_status import standing_in_store

        return standing_in_store(out)
    return standing_of(out)


def _duration(seconds: float | None) -> str:
    """Hours and minutes, or seconds where it is less than two minutes."""
    if seconds is None:
        return "-"
    if seconds < 120:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
