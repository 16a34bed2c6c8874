"""`pleura evaluate`: masks of any tool beside references, scored under one written policy."""

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pleura.arrays.contours import RULE
from pleura.arrays.grid import Grid
from pleura.arrays.resample import resample_mask
from pleura.arrays.tabletop import body_mask, couch_mask
from pleura.arrays.volume import LungMask
from pleura.core.errors import Exit, GridMismatch, InputRefused, NothingUsable, UsageError
from pleura.core.files import read_json, whole_file, write_json
from pleura.core.progress import Progress, silent
from pleura.core.results import Table, batch_exit
from pleura.dicom.series import find_series
from pleura.labels.objects import Scan, case_of
from pleura.labels.registry import find_masks, read_mask
from pleura.measure.case import score_case, score_raw
from pleura.measure.policy import Policy
from pleura.measure.summary import METHOD, comparison, lctsc_protocol, pooled, site_summaries, summaries
from pleura.measure.tables import SCORE_COLUMNS, SLICE_COLUMNS, as_csv, case_table, score_notes, score_rows, slice_rows
from pleura.store.cohort import Cohort
from pleura.store.manifest import start_run

FORMAT = "pleura-scores/1"
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class EvaluateResult:
    """What the masks are worth. `scores` is the content of `OUT/scores.json`."""

    out: Path
    scores: Mapping[str, Any]

    @property
    def exit_code(self) -> Exit:
        """Some failed where a case was refused, or a reference has no mask to answer it."""
        failed = [*self.scores["refused"], *self.scores["unanswered"]]
        if self.scores["against"]:
            failed += [*self.scores["against"]["refused"], *self.scores["against"]["unanswered"]]
        return batch_exit(len(self.scores["cases"]), len(failed))

    def as_json(self) -> Any:
        """The whole of `scores.json`."""
        return self.scores

    def table(self) -> Table | None:
        """One row a case."""
        return case_table(self.scores["cases"])

    def notes(self) -> Sequence[str]:
        """Refusals, what had no partner, remarks, the comparison, and where the tables are."""
        return [*score_notes(self.scores), f"{len(self.scores['cases'])} cases scored: {self.out / 'scores.csv'}"]


def evaluate(
    pred: Path,
    ref: Path,
    out: Path,
    *,
    empty: Literal["one", "zero", "undefined"] = "one",
    split: Literal["all", "train", "validation", "test"] = "all",
    against: Path | None = None,
    patients: Path | None = None,
    grid: Path | None = None,
    resample: bool = False,
    workers: int = 0,
    overwrite: bool = False,
    progress: Progress = silent,
) -> EvaluateResult:
    """Score lung masks against references.

    Every slice and every volume: Dice, IoU, precision, recall, accuracy; volumes in ml; surface distances in mm. Each slice is
    named lung, empty, hallucinated or missed. What is missed or undefined is counted as the policy in scores.json says.

    Args:
        pred: Masks to score: a folder as segment writes it, or any folder of CASE.nii.gz, CASE_seg.npz, CASE/lungs.nii.gz, or
            of DICOM segmentations and structure sets (CASE.dcm; against a cohort, under any name).
        ref: References: a cohort, or a folder of masks; matched with the masks by case name.
        out: Folder for scores.json, scores.csv, slices.csv and run.json.
        empty: What Dice counts as where neither mask has lung: one, zero, or undefined (left out of means).
        split: Score only these cases of a cohort.
        against: Another method's masks of the same cases: scored too, and compared by paired tests.
        patients: CSV file with the columns case, patient and site (one of these two may be missing): intervals and tests go by
            patient, tables by site; without it every case is a patient of its own.
        grid: Where the grids of NPZ masks are read from: a cohort, a folder of label maps, or of the DICOM series. Not needed
            where the other side of a pair has a grid.
        resample: Bring a mask on another grid to the reference's (nearest voxel), and say so; else such a case is refused.
        workers: Cases at a time; 0 for as many as there are cores.
        overwrite: Replace what OUT holds.

    Returns:
        The scores, as `scores.json` holds them.

    Raises:
        NothingUsable: no case has both a mask and a reference.
        OutputConflict: OUT holds something else.
    """
    options = {"empty": empty, "split": split, "resample": resample}
    sources = [pred, ref, *(path for path in (against, patients, grid) if path is not None)]
    run = start_run(out, verb="evaluate", sources=sources, options=options, overwrite=overwrite)
    if run.done:
        return EvaluateResult(out, read_json(out / "scores.json"))
    truths, people = _truths(ref, split), _people(patients)
    rules = _Rules(Policy(empty), resample, _grids(grid))
    first = _Method.score(_answers(pred, ref), truths, out / "cases", rules, workers, progress)
    second = None
    if against is not None:
        second = _Method.score(_answers(against, ref), truths, out / "against", rules, workers, progress)
    result = EvaluateResult(out, _gather(out, first, second, people, rules.policy))
    run.finish(result.exit_code, cases=len(result.scores["cases"]))
    return result


@dataclass(frozen=True)
class _Answer:
    """Where a case's mask lies, and what the network said before cleaning, where that was kept."""

    mask: Path
    raw: Path | None


@dataclass(frozen=True)
class _Truth:
    """Where a case's reference lies: a mask file, or a cohort that holds the case (then its volume is known too)."""

    place: Path
    in_cohort: bool
    split: str | None


@dataclass(frozen=True)
class _Rules:
    policy: Policy
    resample: bool
    grids: Mapping[str, Grid]


@dataclass(frozen=True)
class _Job:
    case: str
    answer: _Answer
    truth: _Truth
    goal: Path
    policy: Policy
    resample: bool
    grid: Grid | None


@dataclass(frozen=True)
class _Method:
    """One method's masks, scored: a file a case under `folder`, and what came to nothing."""

    cases: Sequence[_Job]
    refused: list[dict[str, str]]
    unanswered: list[str]
    without_reference: list[str]

    @classmethod
    def score(
        cls,
        answers: Mapping[str, _Answer],
        truths: Mapping[str, _Truth],
        folder: Path,
        rules: _Rules,
        workers: int,
        progress: Progress,
    ) -> "_Method":
        """Score every case that has both. Raises `NothingUsable` where none has."""
        shared = sorted(answers.keys() & truths.keys())
        if not shared:
            raise NothingUsable(f"no case has both: {len(answers)} masks and {len(truths)} references, matched by case name")
        jobs = [
            _Job(
                case, answers[case], truths[case], folder / f"{case}.json", rules.policy, rules.resample, rules.grids.get(case)
            )
            for case in shared
        ]
        refused = _score_all(jobs, workers, progress)
        return cls(jobs, refused, sorted(truths.keys() - answers.keys()), sorted(answers.keys() - truths.keys()))

    def records(self) -> list[dict[str, Any]]:
        """What was written of each case that was scored."""
        return [read_json(job.goal) for job in self.cases if job.goal.exists()]


def _answers(folder: Path, ref: Path) -> dict[str, _Answer]:
    """Masks by case; a DICOM label object under another name goes to the case of the cohort that it refers to."""
    scans = []
    if (ref / "cohort.json").exists():
        held = [(case.id, case.about) for case in Cohort.open(ref).cases]
        scans = [Scan(str(told.get("frame_uid", "")), str(told.get("series_uid", "")), case) for case, told in held]
    found: dict[str, _Answer] = {}
    for case, files in find_masks(folder).items():
        if files.path.suffix == ".dcm" and case not in {scan.id for scan in scans}:
            case = case_of(files.path, scans) or case
        raw = files.path.with_name("raw.npz")
        found[case] = _Answer(files.path, raw if files.path.name == "lungs.nii.gz" and raw.exists() else None)
    return found


def _truths(folder: Path, split: str) -> dict[str, _Truth]:
    if not (folder / "cohort.json").exists():
        return {case: _Truth(files.path, False, None) for case, files in find_masks(folder).items()}
    cohort = Cohort.open(folder)
    truths = {case.id: _Truth(folder, True, cohort.split.part_of(case.id)) for case in cohort.cases if case.has_mask}
    return {case: truth for case, truth in truths.items() if split in ("all", truth.split)}


def _grids(place: Path | None) -> dict[str, Grid]:
    """Grids by case, from a cohort, a folder of label maps, or of DICOM series."""
    if place is None:
        return {}
    if (place / "cohort.json").exists():
        return {case.id: case.grid for case in Cohort.open(place).cases}
    maps = {case: files.map for case, files in find_masks(place).items() if files.map is not None}
    if maps:
        return {case: read_mask(path).grid for case, path in maps.items()}
    return {series.id: series.grid for series in find_series(place) if series.usable and series.grid is not None}


def _people(table: Path | None) -> dict[str, dict[str, str]]:
    """Case to `patient` and `site`, from a CSV file."""
    if table is None:
        return {}
    with table.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    if not rows or "case" not in rows[0] or not {"patient", "site"} & rows[0].keys():
        raise UsageError("--patients needs a CSV file with a heading: case, and patient or site or both")
    return {row["case"]: {key: row[key] for key in ("patient", "site") if row.get(key)} for row in rows}


def _score_all(jobs: Sequence[_Job], workers: int, progress: Progress) -> list[dict[str, str]]:
    """Score what is not scored yet, each case into its own file; the refused ones with their reasons come back."""
    open_jobs = [job for job in jobs if not job.goal.exists()]
    done = len(jobs) - len(open_jobs)
    refused = {}
    progress("evaluate", done, len(jobs))
    for job, reason in _each(open_jobs, min(workers or os.cpu_count() or 1, len(open_jobs))):
        done += 1
        progress("evaluate", done, len(jobs))
        if reason:
            refused[job.case] = reason
    return [{"case": case, "reason": refused[case]} for case in sorted(refused)]


def _each(jobs: Sequence[_Job], workers: int) -> Iterator[tuple[_Job, str]]:
    if workers < 2:
        yield from ((job, _score(job)) for job in jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(_score, job): job for job in jobs}
        try:
            for future in as_completed(running):
                try:
                    yield running[future], future.result()
                except BrokenProcessPool:
                    yield (
                        running[future],
                        "its worker was ended, probably for want of memory: the same command with --workers 1",
                    )
        finally:
            pool.shutdown(cancel_futures=True)


def _score(job: _Job) -> str:
    """Score one case and write its file; the reason in one line where that cannot be done, else nothing."""
    try:
        write_json(job.goal, _record(job))
    except (InputRefused, OSError, MemoryError) as error:
        return str(error) if isinstance(error, InputRefused) else f"{type(error).__name__} while scoring: look at the file"
    return ""


def _record(job: _Job) -> dict[str, Any]:
    remarks: list[str] = []
    answer, reference = _pair(job)
    if not answer.grid.same_as(reference.grid):
        if not job.resample:
            raise GridMismatch(
                f"mask on a grid of {_told(answer)}, reference on one of {_told(reference)}: "
                "give masks on one grid, or --resample"
            )
        remarks.append(f"brought from a grid of {_told(answer)} to the reference's by nearest voxel")
        answer = resample_mask(answer, reference.grid)
    if _is_one_lung_alone(answer, reference):
        answer = LungMask(answer.labels, answer.grid)
        remarks.append("the mask has no label 2 and no left lung: its label 1 is taken as the right lung")
    places = _places(job)
    scores = score_case(answer, reference, job.policy, places=places)
    raw = None
    if job.answer.raw and answer.grid is reference.grid:
        raw = score_raw(read_mask(job.answer.raw, reference.grid).lungs, reference, job.policy, places=places)
    tables = scores.pop("per_slice") + (raw.pop("per_slice") if raw else [])
    remarks += scores.pop("remarks")
    head = {"case": job.case, "split": job.truth.split, "grid": _grid(reference), "remarks": remarks, "raw": raw}
    return {"case": head | scores, "per_slice": tables}


def _pair(job: _Job) -> tuple[LungMask, LungMask]:
    """Mask and reference; one that has no geometry of its own lies on the other's grid."""
    scan = None
    if job.truth.in_cohort:
        case = Cohort.open(job.truth.place).case(job.case)
        reference, scan = case.mask(), Scan(str(case.about.get("frame_uid", "")))
    elif job.truth.place.suffix != ".npz" or job.grid is not None:
        reference = read_mask(job.truth.place, job.grid)
    elif job.answer.mask.suffix != ".npz":
        answer = read_mask(job.answer.mask)
        return answer, read_mask(job.truth.place, answer.grid)
    else:
        raise GridMismatch("mask and reference are both NPZ, which have no geometry: give --grid")
    return read_mask(job.answer.mask, reference.grid, scan), reference


def _is_one_lung_alone(answer: LungMask, reference: LungMask) -> bool:
    """Whether a mask that only holds label 1 leaves the reference's left lung out: missed, whichever way it was meant."""
    if answer.sided or not reference.sided:
        return False
    covered = int(np.count_nonzero(answer.lungs & reference.left))
    return 2 * covered <= int(np.count_nonzero(reference.left))


def _places(job: _Job) -> Mapping[str, Bool]:
    """Where lung cannot be, where the volume is there to tell."""
    if not job.truth.in_cohort:
        return {}
    volume = Cohort.open(job.truth.place).case(job.case).volume()
    body = body_mask(volume)
    return {"outside_body": ~body, "couch": couch_mask(volume, body)}


def _told(mask: LungMask) -> str:
    spacing = " x ".join(f"{mm:.4g}" for mm in mask.grid.spacing_mm)
    return f"{' x '.join(map(str, mask.grid.shape))} voxels of {spacing} mm"


def _grid(mask: LungMask) -> dict[str, Any]:
    return {"shape": list(mask.grid.shape), "spacing_mm": [round(mm, 6) for mm in mask.grid.spacing_mm]}


def _gather(
    out: Path, first: _Method, second: _Method | None, people: Mapping[str, Mapping[str, str]], policy: Policy
) -> dict[str, Any]:
    """Join the cases' files into the tables; `scores.json` comes last."""
    records = first.records()
    cases = [_whose(record["case"], people) for record in records]
    scores = {
        "format": FORMAT,
        "policy": policy.as_json() | {"rasterisation": RULE},
        "cases": cases,
        "refused": first.refused,
        "unanswered": first.unanswered,
        "without_reference": first.without_reference,
        "summary": summaries(cases),
        "summary_method": METHOD,
        "pooled": pooled(cases),
        "sites": site_summaries(cases),
        "lctsc": lctsc_protocol(cases),
        "against": None,
    }
    if second is not None:
        others = [_whose(record["case"], people) for record in second.records()]
        tests = comparison(cases, others)
        scores["against"] = {"cases": others, "refused": second.refused, "unanswered": second.unanswered, "tests": tests}
    _write(out / "scores.csv", as_csv(SCORE_COLUMNS, (row for case in cases for row in score_rows(case))))
    slices = (row for record in records for row in slice_rows(record["case"]["case"], record["per_slice"]))
    _write(out / "slices.csv", as_csv(SLICE_COLUMNS, slices))
    write_json(out / "scores.json", scores)
    return scores


def _whose(case: dict[str, Any], people: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    told = people.get(case["case"], {})
    return case | {"patient": told.get("patient", case["case"]), "site": told.get("site")}


def _write(path: Path, text: str) -> None:
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="")
