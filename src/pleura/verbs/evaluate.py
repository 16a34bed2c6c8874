"""`pleura evaluate`: masks of any tool beside references, scored under one written policy."""

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

from pleura.arrays.resample import resample_mask
from pleura.arrays.tabletop import body_mask, couch_mask
from pleura.arrays.volume import LungMask
from pleura.core.errors import Exit, GridMismatch, InputRefused, NothingUsable
from pleura.core.files import read_json, whole_file, write_json
from pleura.core.progress import Progress, silent
from pleura.core.results import Table, batch_exit
from pleura.labels.registry import find_masks, read_mask
from pleura.measure.case import score_case, score_raw
from pleura.measure.policy import Policy
from pleura.measure.slices import CLASSES
from pleura.measure.summary import pooled, summaries
from pleura.measure.tables import SCORE_COLUMNS, SLICE_COLUMNS, as_csv, score_rows, slice_rows
from pleura.store.cohort import Cohort
from pleura.store.manifest import Run, start_run

FORMAT = "pleura-scores/1"
CASE_FILES = "cases"
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class EvaluateResult:
    """What the masks are worth. `scores` is the content of `OUT/scores.json`."""

    out: Path
    scores: Mapping[str, Any]

    @property
    def exit_code(self) -> Exit:
        """Some failed where a case was refused, or a reference has no mask to answer it."""
        return batch_exit(len(self.scores["cases"]), len(self.scores["refused"]) + len(self.scores["unanswered"]))

    def as_json(self) -> Any:
        """The whole of `scores.json`."""
        return self.scores

    def table(self) -> Table | None:
        """One row a case."""
        return Table(
            "Lungs against references",
            ("case", "split", "Dice", "HD95 [mm]", "accuracy", "lung", "empty", "hallucinated", "missed [slices]"),
            tuple(_row(case) for case in self.scores["cases"]),
        )

    def notes(self) -> Sequence[str]:
        """Refusals, what had no partner, remarks, and where the tables are."""
        scores = self.scores
        lines = [f"{entry['case']}: refused: {entry['reason']}" for entry in scores["refused"]]
        lines += [f"{case['case']}: {remark}" for case in scores["cases"] for remark in case["remarks"]]
        if scores["unanswered"]:
            lines.append(f"{len(scores['unanswered'])} references have no mask in PRED: {_some(scores['unanswered'])}")
        if scores["without_reference"]:
            lines.append(f"{len(scores['without_reference'])} masks have no reference: {_some(scores['without_reference'])}")
        return [*lines, f"{len(scores['cases'])} cases scored: {self.out / 'scores.csv'}"]


def evaluate(
    pred: Path,
    ref: Path,
    out: Path,
    *,
    empty: Literal["one", "zero", "undefined"] = "one",
    split: Literal["all", "train", "validation", "test"] = "all",
    resample: bool = False,
    workers: int = 0,
    overwrite: bool = False,
    progress: Progress = silent,
) -> EvaluateResult:
    """Score lung masks against references.

    Every slice and every volume: Dice, IoU, precision, recall, accuracy; volumes in ml; surface distances in mm. Each slice is
    named lung, empty, hallucinated or missed. What is missed or undefined is counted as the policy in scores.json says.

    Args:
        pred: Masks to score: a folder as segment writes it, or any folder of CASE.nii.gz, CASE_seg.npz, CASE/lungs.nii.gz.
        ref: References: a cohort, or a folder of masks; matched with the masks by case name.
        out: Folder for scores.json, scores.csv, slices.csv and run.json.
        empty: What Dice counts as where neither mask has lung: one, zero, or undefined (left out of means).
        split: Score only these cases of a cohort.
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
    run = start_run(out, verb="evaluate", sources=[pred, ref], options=options, overwrite=overwrite)
    if run.done:
        return EvaluateResult(out, read_json(out / "scores.json"))
    answers, truths = _answers(pred), _truths(ref, split)
    shared = sorted(answers.keys() & truths.keys())
    if not shared:
        raise NothingUsable(f"no case has both: {len(answers)} masks and {len(truths)} references, matched by case name")
    policy = Policy(empty)
    jobs = [_Job(case, answers[case], truths[case], out / CASE_FILES / f"{case}.json", policy, resample) for case in shared]
    refused = _score_all(jobs, workers, progress)
    lone = {"unanswered": sorted(truths.keys() - answers.keys()), "without_reference": sorted(answers.keys() - truths.keys())}
    result = EvaluateResult(out, _gather(run, jobs, refused, lone))
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
class _Job:
    case: str
    answer: _Answer
    truth: _Truth
    goal: Path
    policy: Policy
    resample: bool


def _answers(folder: Path) -> dict[str, _Answer]:
    found = {}
    for case, files in find_masks(folder).items():
        raw = files.path.with_name("raw.npz")
        found[case] = _Answer(files.path, raw if files.path.name == "lungs.nii.gz" and raw.exists() else None)
    return found


def _truths(folder: Path, split: str) -> dict[str, _Truth]:
    if not (folder / "cohort.json").exists():
        return {case: _Truth(files.path, False, None) for case, files in find_masks(folder).items()}
    cohort = Cohort.open(folder)
    truths = {case.id: _Truth(folder, True, cohort.split.part_of(case.id)) for case in cohort.cases if case.has_mask}
    return {case: truth for case, truth in truths.items() if split in ("all", truth.split)}


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
    if job.truth.in_cohort:
        reference = Cohort.open(job.truth.place).case(job.case).mask()
    elif job.truth.place.suffix == ".npz":
        answer = read_mask(job.answer.mask)
        return answer, read_mask(job.truth.place, answer.grid)
    else:
        reference = read_mask(job.truth.place)
    return read_mask(job.answer.mask, reference.grid), reference


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


def _gather(run: Run, jobs: Sequence[_Job], refused: list[dict[str, str]], lone: Mapping[str, list[str]]) -> dict[str, Any]:
    """Join the cases' files into the tables; `scores.json` comes last."""
    records = [read_json(job.goal) for job in jobs if job.goal.exists()]
    cases = [record["case"] for record in records]
    scores = {
        "format": FORMAT,
        "policy": jobs[0].policy.as_json() if jobs else {},
        "cases": cases,
        "refused": refused,
        **lone,
        "summary": summaries(cases),
        "pooled": pooled(cases),
    }
    _write(run.folder / "scores.csv", as_csv(SCORE_COLUMNS, (row for case in cases for row in score_rows(case))))
    slices = (row for record in records for row in slice_rows(record["case"]["case"], record["per_slice"]))
    _write(run.folder / "slices.csv", as_csv(SLICE_COLUMNS, slices))
    write_json(run.folder / "scores.json", scores)
    return scores


def _write(path: Path, text: str) -> None:
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="")


def _row(case: Mapping[str, Any]) -> tuple[str, ...]:
    both = case["both"]
    numbers = [(both["dice"], 4), (both["hd95_mm"], 2), (both["accuracy"], 4)]
    counts = (str(case["slices"][name]) for name in CLASSES)
    return (case["case"], case["split"] or "-", *("-" if x is None else f"{x:.{n}f}" for x, n in numbers), *counts)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
