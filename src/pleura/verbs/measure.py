"""`pleura measure`: volumes and densities of lungs from CT and any tool's masks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pleura.core.errors import Exit, NothingUsable, UsageError
from pleura.core.progress import Progress, silent
from pleura.core.results import Table, batch_exit, gone_notes
from pleura.segmenting.measuring import MaskedJob, MeasureRecipe, refused_masked
from pleura.segmenting.tables import write_tables
from pleura.store.call import Call
from pleura.store.items import do_items
from pleura.store.job_files import JobFormat
from pleura.store.jobs import Job, jobs_of
from pleura.store.layout import INDEX
from pleura.store.part_results import PlanResult, ShareResult
from pleura.store.parts import Part
from pleura.store.spread import How


@dataclass(frozen=True)
class MeasureResult:
    """The measures of each case: `id`, `verdict`, `reason`, `measures` (or `None`)."""

    out: Path
    cases: tuple[Mapping[str, Any], ...]
    gone: tuple[str, ...] = ()

    @property
    def exit_code(self) -> Exit:
        """1 where a case was refused, 3 where all were."""
        refused = sum(case["measures"] is None for case in self.cases)
        return batch_exit(len(self.cases) - refused, refused)

    def as_json(self) -> Any:
        """`cases`, as in `run.json`."""
        return {"cases": [dict(case) for case in self.cases]}

    def table(self) -> Table | None:
        """One row a case, of both lungs."""
        rows = []
        for case in self.cases:
            both = (case["measures"] or {}).get("both")
            names = ("ml", "mass_g", "mean_hu", "perc15_hu")
            rows.append(
                (
                    case["id"],
                    case["verdict"],
                    *(f"{both[name]:.0f}" if both else "-" for name in names),
                )
            )
        columns = ("case", "verdict", "volume [ml]", "mass [g]", "mean [HU]", "Perc15 [HU]")
        return Table("Lungs", columns, tuple(rows))

    def notes(self) -> Sequence[str]:
        """Why each case is not plainly ok, then where the tables are."""
        lines = [
            f"{case['id']}: {case['verdict']}: {case['reason']}"
            for case in self.cases
            if case["reason"]
        ]
        done = sum(case["measures"] is not None for case in self.cases)
        return [
            *lines,
            *gone_notes(self.gone),
            f"{done} of {len(self.cases)} measured; see {self.out / INDEX}",
        ]


def measure(
    source: Path,
    masks: Path,
    out: Path,
    *,
    workers: int = 1,
    scheduler: str = "",
    plan: bool = False,
    tasks: int = 0,
    task: str = "",
    retry: str = "",
    overwrite: bool = False,
    progress: Progress = silent,
) -> MeasureResult | PlanResult | ShareResult:
    """Measure lungs on CT: volume, mass, density, thirds and halves.

    Writes OUT/lungs.csv, OUT/lungs.json, OUT/index.html and a picture of each case.
    docs/measurements.md defines each number.

    Args:
        source: CT: a folder of DICOM files, or a cohort that prepare wrote.
        masks: One mask file for one CT, or a folder of masks by case, of any format that pleura
            reads.
        out: Folder to write to; created if it does not exist.
        workers: Processes, each with a case of its own; 0 = one for each core.
        scheduler: Address of a Dask cluster whose workers do the cases, tcp://HOST:PORT or
            tls://HOST:PORT; they must see IN and OUT at the same paths.
        plan: Only plan the work for many tasks (a job array) in OUT/jobs.json, and print the lines
            that start them; the same command without --plan collects their results.
        tasks: With --plan, how many tasks; 0 = one for every 20 cases, 1000 at most.
        task: Do the share of one task of a plan: N, N/M (N from 0 to M - 1), or auto, which reads
            N from Slurm, PBS, Kubernetes or AWS Batch.
        retry: Do the cases again that failed with this code, which pleura status OUT lists.
        overwrite: Empty OUT first.

    Returns:
        The measures of each case; of a plan or a task, counts.

    Raises:
        UsageError: an input does not exist, or one mask is given for several CT.
        NothingUsable: the input has no CT series.
        OutputFailed: OUT cannot be written.
    """
    part = Part.of(Call.of(measure, locals()))
    source, masks, out = part.shared(source, masks, out)
    for path, name in ((source, "CT"), (masks, "MASKS")):
        if not path.exists():
            raise UsageError(f"measure: {name} does not exist; check the path")
    with part.open_run(
        out, verb="measure", sources=[source, masks], options={}, overwrite=overwrite
    ) as run:
        if run.done:
            return MeasureResult(out, tuple(run.record["cases"]), tuple(run.record["gone"]))
        jobs = part.jobs(run, lambda: _jobs(source, masks, progress), JobFormat((MaskedJob,)))
        if part.plan:
            return part.planned(run)
        how = How(workers, scheduler=scheduler)
        batch = do_items(
            run,
            MeasureRecipe(out),
            jobs,
            How(workers, scheduler=scheduler),
            refused_masked,
            progress=progress,
        )
        if part.is_task:
            return part.share_done(run, jobs, batch)
        result = MeasureResult(out, tuple(batch.records), tuple(batch.gone))
        files = write_tables(out, batch.records, title="Lung measurements")
        run.finish(
            result.exit_code,
            complete=batch.complete,
            files=files,
            cases=batch.records,
            gone=batch.gone,
        )
        return result


def _jobs(source: Path, masks: Path, progress: Progress) -> list[MaskedJob]:
    cases = jobs_of(source, progress)
    if not cases:
        raise NothingUsable("measure: CT has no CT series; pleura scan lists what it has")
    return _paired(cases, masks)


def _paired(cases: Sequence[Job], masks: Path) -> list[MaskedJob]:
    """Each case with its mask."""
    from pleura.labels.matching import match
    from pleura.labels.objects import Scan

    if masks.is_file():
        if len(cases) != 1:
            raise UsageError(
                f"measure: one mask for {len(cases)} CT series; give a folder with a mask for "
                "each case"
            )
        return [MaskedJob(cases[0], masks)]
    scans = [
        Scan(case.series.frame_uid, case.series_uid, case.id, case.series.files)
        for case in cases
        if case.series is not None
    ]
    found = match(masks, scans, wanted=frozenset(case.id for case in cases)).masks
    return [MaskedJob(case, found[case.id].path if case.id in found else None) for case in cases]
