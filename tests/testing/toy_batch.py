"""A verb as small as one can be, for tests of job arrays: every file of IN becomes a folder of OUT.

    python toy_batch.py IN OUT [--plan N | --task N/M | --retry CODE] [--scheduler ADDRESS]

A file's text says what happens: a number is written with its square, `refuse` is refused, `kill`
ends its process, `slow` takes a second, `full` meets a full disk.
"""

import errno
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pleura.core.atomic import atomic_folder, write_json
from pleura.core.errors import Exit, InputRefused, PleuraError
from pleura.core.findings import Finding
from pleura.core.progress import Progress, silent
from pleura.core.results import batch_exit
from pleura.store.call import Call
from pleura.store.fingerprints import fingerprint
from pleura.store.items import Done, do_items
from pleura.store.job_array import Part
from pleura.store.job_files import JobFormat
from pleura.store.part_results import PlanResult, ShareResult
from pleura.store.remote import over_object_stores
from pleura.store.spread import How


@dataclass(frozen=True)
class ToyJob:
    id: str
    input: str
    file: Path


@dataclass(frozen=True)
class ToyRecipe:
    out: Path

    def open(self) -> Callable[[ToyJob], Done]:
        if os.environ.get("TOY_OPENED"):
            with open(os.environ["TOY_OPENED"], "a") as file:  # noqa: PTH123
                file.write(f"{os.getpid()}\n")
        return self.one

    def one(self, job: ToyJob) -> Done:
        text = job.file.read_text()
        if os.environ.get("TOY_DONE"):
            with open(os.environ["TOY_DONE"], "a") as file:  # noqa: PTH123
                file.write(f"{job.id}\n")
        if os.environ.get("TOY_MEMORY"):
            with open(os.environ["TOY_MEMORY"], "a") as file:  # noqa: PTH123
                file.write(f"{os.getpid()} {resident_kb()}\n")
        if text == "refuse":
            raise InputRefused("too few slices", code="TOO-FEW-SLICES")
        if text == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if text == "full":
            raise OSError(errno.ENOSPC, "No space left on device")
        if text == "slow":
            time.sleep(1)
        with atomic_folder(self.out / job.id) as folder:
            (folder / "square").write_text(str(int(text) ** 2 if text.isdigit() else text))
        return Done({"id": job.id}, (f"{job.id}/square",))


def resident_kb() -> int:
    """What this process holds in memory, without the pages of mapped files, which the system drops
    and reads again as it likes (Linux).
    """
    _, resident, shared = map(int, Path("/proc/self/statm").read_text().split()[:3])
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE") // 1024


def scan(source: Path) -> list[ToyJob]:
    if os.environ.get("TOY_SCANNED"):
        with open(os.environ["TOY_SCANNED"], "a") as file:  # noqa: PTH123
            file.write("scan\n")
    return [
        ToyJob(path.name, fingerprint([path])["sha256"], path) for path in sorted(source.iterdir())
    ]


@dataclass(frozen=True)
class ToyResult:
    out: Path
    exit_code: int


@over_object_stores(collects_without_input=True)
def toy(
    source: Path,
    out: Path,
    *,
    workers: int = 1,
    plan: bool = False,
    tasks: int = 0,
    task: str = "",
    retry: str = "",
    overwrite: bool = False,
    scheduler: str = "",
    progress: Progress = silent,
) -> ToyResult | PlanResult | ShareResult:
    part = Part.of(Call.of(toy, locals()))
    with part.open_run(out, verb="toy", sources=[source], options={}) as run:
        if run.done:
            return ToyResult(out, int(run.exit_code))
        jobs = part.jobs(run, lambda: scan(source), JobFormat((ToyJob,)))
        if part.plan:
            return part.planned(run)
        how = How(workers, scheduler=scheduler)
        batch = do_items(run, ToyRecipe(out), jobs, how, refused, progress=progress)
        if part.is_task:
            return part.share_done(run, jobs, batch)
        failed = sum("code" in record for record in batch.records)
        code = batch_exit(len(jobs) - failed, failed)
        write_json(out / "all.json", batch.records)
        run.finish(code, complete=batch.complete, files=("all.json",), cases=batch.records)
        return ToyResult(out, int(code))


def refused(job: ToyJob, found: Finding) -> dict[str, str]:
    return {"code": found.code}


def main(words: list[str]) -> int:
    source, out, *options = words
    given = dict(zip(options[::2], options[1::2], strict=True))
    plan = "--plan" in given
    try:
        result = toy(
            Path(source),
            Path(out),
            plan=plan,
            tasks=int(given.get("--plan", 0)),
            task=given.get("--task", ""),
            retry=given.get("--retry", ""),
            scheduler=given.get("--scheduler", ""),
            workers=int(given.get("--workers", 1)),
        )
        return int(result.exit_code)
    except PleuraError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    except Exception:
        traceback.print_exc()
        return int(Exit.BUG)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
