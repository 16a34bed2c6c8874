"""`pleura study`: the runs of a declared design, and an analysis by patient."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pleura.core.atomic import atomic_file, read_json, write_json_if_changed
from pleura.core.errors import Exit, NothingUsable, UsageError
from pleura.core.extras import need
from pleura.core.progress import Progress, silent
from pleura.core.results import Table, batch_exit
from pleura.core.text import counted
from pleura.store.fingerprints import fingerprint
from pleura.store.input_files import account_line
from pleura.store.item import Item
from pleura.store.items import do_items
from pleura.store.jobs import is_cohort
from pleura.store.layout import COHORT_STAGE, STUDY, STUDY_CSV, STUDY_PAGE
from pleura.store.remote import on_folders
from pleura.store.run_record import RunRecord, open_run
from pleura.store.spread import How

RUNS = "runs/"
"""Prefix of the runs in the records of OUT."""
Files = Mapping[str, Any] | None
"""The account of an input; `None` for a cohort."""
INTERIM_S = 300.0
"""[s] Between two pages of the runs so far; a page costs about two seconds."""


@dataclass(frozen=True)
class StudyResult:
    """A study. `about` is `study.json`; `minutes` are CPU minutes of each arm so far; `failed`
    counts runs that could not be done and `left` those that were not begun. `input` counts the
    files of the input (`files.accounting`), where a cohort was made of it.
    """

    out: Path
    about: Mapping[str, Any]
    minutes: Mapping[str, float]
    failed: int = 0
    input: Files = None

    @property
    def left(self) -> int:
        """Runs that were not done."""
        return sum(self.about["missing"].values())

    @property
    def exit_code(self) -> Exit:
        """1 where a run was not done."""
        return batch_exit(sum(self.about["runs"].values()), self.left)

    def as_json(self) -> dict[str, Any]:
        """`study.json`, `cpu_minutes` by arm, and `input`."""
        minutes = {arm: round(value, 2) for arm, value in self.minutes.items()}
        return {**self.about, "cpu_minutes": minutes, "input": self.input}

    def table(self) -> Table | None:
        """A row an arm: mean of the primary endpoint, difference, and CPU minutes."""
        primary = self.about["design"]["endpoints"][0]
        compared = {
            one["arm"]: one for one in self.about["comparisons"] if one["endpoint"] == primary
        }
        rows = []
        for arm, values in self.about["values"][primary].items():
            one = compared.get(arm)
            mean = sum(values.values()) / len(values) if values else 0.0
            difference = "-" if one is None else f"{one['mean']:+.4f}"
            counts = "-" if one is None else f"{one['rises']} of {len(one['differences'])}"
            minutes = f"{self.minutes.get(arm, 0.0):.1f}"
            rows.append((arm, f"{mean:.4f}", difference, counts, minutes))
        columns = ("arm", primary, "difference", "higher in", "CPU [min]")
        if not rows:
            return None
        return Table(f"Study {self.about['design']['name']}", columns, tuple(rows))

    def notes(self) -> Sequence[str]:
        """The conclusions, the account of the input, then where the page is."""
        lines = [line for one in self.about["conclusions"] for line in one["lines"]]
        if self.left:
            runs = counted(self.left, "run is", "runs are")
            lines.append(f"study: {runs} not done; rerun the same command to resume")
        return [*lines, *account_line("study", self.input), f"study: {self.out / STUDY_PAGE}"]


@on_folders
def study(
    design: Path,
    out: Path,
    *,
    data: Path | None = None,
    minutes: float | None = None,
    workers: int = 1,
    overwrite: bool = False,
    progress: Progress = silent,
) -> StudyResult:
    """Compare recipes of training by a design that is declared before.

    Needs the extra `train`. The design is a TOML file (docs/study.md): a baseline, factors with
    levels, folds, seeds, steps, size, endpoints. Every arm has the same steps, initialisation and
    order of slices, and its last weights are scored. The same command resumes: killed or stopped by
    --minutes, it ends with the same bytes. OUT/study.html has tables, figures and conclusions;
    OUT/study.json and OUT/study.csv have the numbers. All are written anew every five minutes.

    Args:
        design: The design, a TOML file.
        out: Folder to write to.
        data: Cohort that prepare wrote, or a folder that prepare can read (a cohort is then made in
            OUT/cohort); by default the design's own.
        minutes: Start no run after this many minutes; the page lists the missing runs. 0 writes the
            page of the runs that are done.
        workers: Processes, each with a run of its own on one thread; 0 = one for each core. It
            changes no result.
        overwrite: Empty OUT first; refused where pleura did not write OUT.

    Returns:
        The analysis.

    Raises:
        MissingExtra: torch is not installed.
        UsageError: the design is wrong, or OUT has other content.
        NothingUsable: fewer patients with masks than folds.
    """
    from pleura.studying.design import read_design

    declared = read_design(design)
    source = data or declared.data
    if source is None:
        raise UsageError("study: neither --data nor the design says where the cases are")
    if minutes is not None and minutes < 0:
        raise UsageError("study: --minutes must not be negative")
    for library in ("torch", "safetensors"):
        need(library, extra="train", purpose="a study")
    until = None if minutes is None else time.time() + 60 * minutes
    with open_run(
        out,
        verb="study",
        sources=[source],
        options=declared.as_json(),
        also=[design],
        overwrite=overwrite,
    ) as run:
        if not run.done:
            cohort, files = _cohort(source, out, workers, progress)
            how = How(workers, threads=1)
            _carry_out(run, declared, cohort, files, until, how, progress)
        return _result(out, run.record)


def _result(out: Path, record: Mapping[str, Any]) -> StudyResult:
    from pleura.studying.runs import cpu_minutes

    about = read_json(out / STUDY)
    arms = [*about["runs"], *about["missing"]]
    return StudyResult(out, about, cpu_minutes(out, arms), record["failed"], record.get("input"))


def _cohort(data: Path, out: Path, workers: int, progress: Progress) -> tuple[Path, Files]:
    """The cohort of the study, made of the data where they are not one; and the account of their
    files then.
    """
    from pleura.verbs.prepare import prepare

    if is_cohort(data):
        return data, None
    made: Any = prepare(data, out / COHORT_STAGE, workers=workers, progress=progress)
    return out / COHORT_STAGE, made.input


def _carry_out(
    run: RunRecord,
    design: Any,
    folder: Path,
    input_files: Files,
    until: float | None,
    how: How,
    progress: Progress,
) -> None:
    """Make the slices ready, do the runs, analyse them, and write the page."""
    from pleura.store.cohort import Cohort
    from pleura.studying.ready_slices import ReadyRecipe, case_jobs, ready_path
    from pleura.studying.runs import RunRecipe, refused_run, run_jobs

    cohort = Cohort.open(folder)
    versions = sorted({(arm.couch, arm.recipe.scaling) for arm in design.arms()})
    recipe = ReadyRecipe(run.folder, design.baseline.size, tuple(versions))
    names = [one["id"] for one in cohort.about["cases"] if cohort.case(one["id"]).has_mask]
    ready = do_items(
        run,
        recipe,
        case_jobs(folder, names),
        how,
        lambda job, refusal: {"case": job.id, "refused": refusal.message},
        group="slices/",
        stage="slices",
        progress=progress,
    )
    slices = {one["case"]: one["slices"] for one in ready.records if "refused" not in one}
    if len(slices) < design.folds:
        raise NothingUsable(
            f"study: {counted(len(slices), 'case', 'cases')} with masks, {design.folds} folds; "
            "give fewer folds"
        )
    arrays = [Item.of(run.folder, f"slices/{name}") for name in sorted(slices)]
    digest = fingerprint([], [item and item.files for item in arrays])
    assert all(ready_path(run.folder, name).exists() for name in slices)
    jobs = run_jobs(design, slices, str(digest["sha256"]))
    refused = [one for one in ready.records if "refused" in one]
    batch = do_items(
        run,
        RunRecipe(run.folder, until),
        jobs,
        how,
        refused_run,
        group=RUNS,
        stage="runs",
        progress=_Interim(run, design, jobs, refused, progress),
    )
    files = _write(run.folder, design, batch.records, refused)
    failed = sum("refused" in one for one in [*batch.records, *ready.records])
    run.finish(
        batch_exit(len(batch.records), failed),
        complete=batch.complete and ready.complete,
        files=files,
        failed=failed,
        input=input_files,
    )


class _Interim:
    """Reports progress, and every few minutes writes the page of the runs that are done."""

    def __init__(
        self,
        run: RunRecord,
        design: Any,
        jobs: Sequence[Any],
        refused: Sequence[Mapping[str, Any]],
        progress: Progress,
    ) -> None:
        self.run, self.design, self.jobs, self.refused = run, design, jobs, refused
        self.progress, self.written = progress, time.monotonic()

    def __call__(self, stage: str, done: int, total: int) -> None:
        self.progress(stage, done, total)
        if done < total and time.monotonic() - self.written >= INTERIM_S:
            kept = (self.run.kept(f"{RUNS}{job.id}", job.input) for job in self.jobs)
            records = [record for record in kept if record is not None]
            with suppress(OSError):  # a full disk ends no run; the page comes at the end
                _write(self.run.folder, self.design, records, self.refused)
            self.written = time.monotonic()


def _write(
    out: Path, design: Any, records: Sequence[Any], refused: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    """Write analysis, table and page; return their names below OUT."""
    from pleura.page.study_page import study_page
    from pleura.studying.analysis import analyse
    from pleura.studying.tables import runs_csv, study_content, study_json

    analysis = analyse(design, records)
    write_json_if_changed(out / STUDY, study_json(design, analysis))
    page, figures = study_page(study_content(design, analysis, [*records, *refused]), out)
    for name, text in ((STUDY_CSV, runs_csv(design, records)), (STUDY_PAGE, page)):
        with atomic_file(out / name) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
    return (STUDY, STUDY_CSV, STUDY_PAGE, *figures)
