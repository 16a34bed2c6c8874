"""`pleura evaluate`: masks of any tool beside references, scored under one written policy."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy.airways import airways
from pleura.anatomy.couch import body_mask, couch_mask
from pleura.core.atomic import atomic_file, read_json, write_json
from pleura.core.codes import finding
from pleura.core.errors import Exit, GridMismatch, InputRefused, NothingUsable, UsageError
from pleura.core.progress import Progress, silent
from pleura.core.results import Table, batch_exit
from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.resample import resample_mask
from pleura.geometry.volume import LungMask
from pleura.labels.contours import RULE
from pleura.labels.mappings import Naming, naming_of
from pleura.labels.matching import match, scans_of
from pleura.labels.objects import Scan
from pleura.labels.pair import REFERENCE, Judged, read_pair
from pleura.labels.registry import find_masks, is_object, read_judged, read_mask
from pleura.metrics.case import is_one_lung_alone, score_case, score_raw
from pleura.metrics.policy import Policy
from pleura.metrics.summary import comparison, over_cases
from pleura.metrics.tables import SCORE_COLUMNS, SLICE_COLUMNS, as_csv, case_table, score_notes, score_rows, slice_rows
from pleura.store.cohort import Cohort
from pleura.store.manifest import start_run
from pleura.store.people import read_people

FORMAT = "pleura-scores/2"
AGAINST = "against"
ANY = Naming("any", either=(1,), others=True)
"""For a file of which the grid alone is asked."""


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
        return case_table(self.scores["cases"]) if self.scores["cases"] else None

    def notes(self) -> Sequence[str]:
        """Refusals, what had no partner, remarks, the comparison, and where the tables are."""
        last = f"{len(self.scores['cases'])} cases scored: {self.out / 'scores.csv'}; page: pleura report {self.out}"
        return [*score_notes(self.scores), last]


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
    mapping: str = "auto",
    ref_mapping: str = "auto",
    against_mapping: str = "auto",
    resample: bool = False,
    workers: int = 0,
    overwrite: bool = False,
    progress: Progress = silent,
) -> EvaluateResult:
    """Score lung masks against references.

    Every slice and every volume: Dice, IoU, precision, recall, accuracy; volumes in ml; surface distances in mm. Each slice is
    named lung, empty, hallucinated or missed. What is missed or undefined is counted as the policy in scores.json says.

    Args:
        pred: Masks to score: a folder as segment writes it, or any folder of CASE.nii.gz, CASE_seg.npz, CASE/lungs.nii.gz, of
            CASE/ with one file a structure, or of DICOM segmentations and structure sets (CASE.dcm; or under any name, where
            the references or --grid say which scan they are of).
        ref: References: a cohort, or a folder of masks; matched with the masks by case name, or by referenced UIDs.
        out: Folder for scores.json, scores.csv, slices.csv and run.json.
        empty: What Dice counts as where neither mask has lung: one, zero, or undefined (left out of means).
        split: Score only these cases of a cohort.
        against: Another method's masks of the same cases: scored too, and compared by paired tests.
        patients: CSV file with the columns case, patient and site (one of these two may be missing): intervals and tests go by
            patient, tables by site; without it every case is a patient of its own.
        grid: Where the grids of NPZ masks and structure sets are read from: a cohort, a folder of label maps, or of the DICOM
            series. Not needed where the other side of a pair has a grid.
        mapping: What the labels of PRED mean: lungs (1 right, 2 left), lungmask, lungmask-lobes, totalsegmentator,
            totalsegmentator-v1, nnunet (the names in dataset.json), or labels by side, as right=3+4+5,left=1+2 or either=1.
            auto is nnunet where dataset.json lies in or above the folder and names lungs, and lungs else.
        ref_mapping: The same for label maps of REF.
        against_mapping: The same for AGAINST.
        resample: Bring a mask on another grid to the reference's (nearest voxel), and say so; else such a case is refused.
        workers: Cases at a time; 0 for as many as there are cores.
        overwrite: Replace what OUT holds.

    Returns:
        The scores, as `scores.json` holds them.

    Raises:
        NothingUsable: no case has both a mask and a reference.
        OutputConflict: OUT holds something else.
    """
    folders = {"mask": (pred, mapping), "reference": (ref, ref_mapping)}
    folders |= {"against": (against, against_mapping)} if against is not None else {}
    namings = {side: naming_of(said, folder) for side, (folder, said) in folders.items()}
    options = {"empty": empty, "split": split, "resample": resample, "labels": [n.as_json() for n in namings.values()]}
    sources = [pred, ref, *(path for path in (against, patients, grid) if path is not None)]
    run = start_run(out, verb="evaluate", sources=sources, options=options, overwrite=overwrite)
    if run.done:
        return EvaluateResult(out, read_json(out / "scores.json"))
    people = read_people(patients) if patients is not None else {}
    grids, scans = _grids(grid)
    truths = _truths(ref, split, scans)
    rules = _Rules(Policy(empty), resample, grids, {scan.id: scan for scan in (*scans, *truths.scans)}, namings["reference"])
    first = _Method.score(pred, namings["mask"], truths, out / "cases", rules, workers, progress)
    second = None
    if against is not None:
        second = _Method.score(against, namings["against"], truths, out / AGAINST, rules, workers, progress)
    result = EvaluateResult(out, _gather(out, first, second, people, rules.policy, namings))
    run.finish(result.exit_code, cases=len(result.scores["cases"]))
    return result


@dataclass(frozen=True)
class _Truths:
    """Where each case's reference lies: a mask file, or the cohort that holds the case (then its volume is known too)."""

    places: Mapping[str, Path]
    scans: Sequence[Scan]
    unclear: Mapping[str, str]
    parts: Mapping[str, str | None] | None = None
    """In a cohort, case to the part of the split that it is in."""


@dataclass(frozen=True)
class _Rules:
    policy: Policy
    resample: bool
    grids: Mapping[str, Grid]
    scans: Mapping[str, Scan]
    naming: Naming


@dataclass(frozen=True)
class _Job:
    """A case to score, its mask `mask` against its reference `truth`."""

    case: str
    mask: Path
    truth: Path
    in_cohort: bool
    part: str | None
    goal: Path
    policy: Policy
    resample: bool
    grid: Grid | None
    scan: Scan | None
    namings: tuple[Naming, Naming]


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
        masks: Path,
        naming: Naming,
        truths: _Truths,
        folder: Path,
        rules: _Rules,
        workers: int,
        progress: Progress,
    ) -> "_Method":
        """Score every case that has both. Raises `NothingUsable` where none has."""
        answers = match(masks, list(rules.scans.values()), wanted=frozenset(truths.places))
        shared = sorted(answers.masks.keys() & truths.places.keys())
        if not shared:
            counts = f"{len(answers.masks)} masks and {len(truths.places)} references"
            raise NothingUsable(f"no case has both: {counts}, matched by case name and referenced UIDs")
        unclear = {case: REFERENCE + reason for case, reason in truths.unclear.items()} | dict(answers.unclear)
        jobs = []
        for case in (case for case in shared if case not in unclear):
            held = answers.masks[case].path, truths.places[case], truths.parts is not None, (truths.parts or {}).get(case)
            goal, grid, scan = folder / f"{case}.json", rules.grids.get(case), rules.scans.get(case)
            jobs.append(_Job(case, *held, goal, rules.policy, rules.resample, grid, scan, (naming, rules.naming)))
        refused = unclear | _score_all(jobs, workers, progress)
        return cls(
            jobs,
            [{"case": case, "reason": refused[case]} for case in sorted(refused)],
            sorted(truths.places.keys() - answers.masks.keys() - unclear.keys()),
            [*sorted(answers.masks.keys() - truths.places.keys() - unclear.keys()), *answers.lost],
        )

    def records(self) -> list[dict[str, Any]]:
        """What was written of each case that was scored."""
        return [read_json(job.goal) for job in self.cases if job.goal.exists()]


def _truths(folder: Path, split: str, scans: Sequence[Scan]) -> _Truths:
    if not (folder / "cohort.json").exists():
        if split != "all":
            raise UsageError("--split chooses cases of a cohort, and REF is a folder of masks")
        found = match(folder, scans, wanted=frozenset(scan.id for scan in scans))
        return _Truths({case: files.path for case, files in found.masks.items()}, scans_of(found.masks), found.unclear)
    cohort = Cohort.open(folder)
    parts = {case.id: cohort.split.part_of(case.id) for case in cohort.cases if case.has_mask}
    kept = {case: part for case, part in parts.items() if split in ("all", part)}
    return _Truths(dict.fromkeys(kept, folder), _scans_in(cohort), {}, kept)


def _scans_in(cohort: Cohort) -> list[Scan]:
    return [Scan(str(c.about.get("frame_uid", "")), str(c.about.get("series_uid", "")), c.id) for c in cohort.cases]


def _grids(place: Path | None) -> tuple[dict[str, Grid], list[Scan]]:
    """Grids by case, and what is known of scans: from a cohort, a folder of label maps, or of DICOM series."""
    if place is None:
        return {}, []
    if (place / "cohort.json").exists():
        cohort = Cohort.open(place)
        return {case.id: case.grid for case in cohort.cases}, _scans_in(cohort)
    maps = {case: files.map for case, files in find_masks(place).items() if files.map and not is_object(files.map)}
    if maps:
        return {case: read_mask(path, naming=ANY).grid for case, path in maps.items()}, []
    series = [(one, one.grid) for one in find_series(place) if one.usable and one.grid is not None]
    scans = [Scan(s.frame_uid, s.series_uid, s.id, (), frozenset(plane.sop_uid for plane in s.files)) for s, _ in series]
    return {one.id: grid for one, grid in series}, scans


def _score_all(jobs: Sequence[_Job], workers: int, progress: Progress) -> dict[str, str]:
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
    return refused


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
        return ""
    except (InputRefused, OSError, MemoryError) as caught:
        error = caught
    if not isinstance(error, InputRefused):
        return f"{type(error).__name__} while scoring: look at the file"
    if error.code != "MASK-LABELS":
        return str(error)
    whose = "ref-" if str(error).startswith(REFERENCE) else "against-" if job.goal.parent.name == AGAINST else ""
    return f"{error}; tell what labels mean with --{whose}mapping"


def _record(job: _Job) -> dict[str, Any]:
    (answer, odd), (reference, strange) = _pair(job)
    findings = [*odd, *(replace(one, message=f"{REFERENCE}{one.message}") for one in strange)]
    if not answer.grid.same_as(reference.grid):
        if not job.resample:
            raise GridMismatch(
                f"mask on a grid of {_lattice(answer)}, reference on one of {_lattice(reference)}: "
                "give masks on one grid, or --resample"
            )
        findings.append(finding("MASK-RESAMPLED", found=_lattice(answer)))
        answer = resample_mask(answer, reference.grid)
    if is_one_lung_alone(answer, reference):
        answer = LungMask(answer.labels, answer.grid)
        findings.append(finding("LABEL-ONE-ALONE"))
    places = _places(job)
    scores = score_case(answer, reference, job.policy, places=places)
    raw, before = None, job.mask.with_name("raw.npz")  # the mask before cleaning, where it was kept
    if job.mask.name.startswith("lungs") and before.exists() and answer.grid.shape == reference.grid.shape:
        raw = score_raw(read_mask(before, reference.grid).lungs, reference, job.policy, places=places)
    tables = scores.pop("per_slice") + (raw.pop("per_slice") if raw else [])
    listed = [one.as_json() for one in findings] + scores.pop("findings")
    head = {"case": job.case, "split": job.part, "grid": _grid(reference), "findings": listed, "raw": raw}
    return {"case": head | scores, "per_slice": tables}


def _pair(job: _Job) -> tuple[Judged, Judged]:
    if not job.in_cohort:
        return read_pair(job.mask, job.truth, job.grid, job.scan, job.namings)
    reference = Cohort.open(job.truth).case(job.case).mask()
    return read_judged(job.mask, reference.grid, job.scan, job.namings[0]), (reference, ())


def _places(job: _Job) -> Mapping[str, NDArray[np.bool_]]:
    """Where lung cannot be, where the volume is at hand."""
    if not job.in_cohort:
        return {}
    volume = Cohort.open(job.truth).case(job.case).volume()
    body = body_mask(volume)
    couch = couch_mask(volume, body) & ~body
    airway = airways(volume, body)
    return {"airway": airway, "body": body & ~airway, "couch": couch, "outside_body": ~body & ~couch & ~airway}


def _lattice(mask: LungMask) -> str:
    spacing = " x ".join(f"{mm:.4g}" for mm in mask.grid.spacing_mm)
    return f"{' x '.join(map(str, mask.grid.shape))} voxels of {spacing} mm"


def _grid(mask: LungMask) -> dict[str, Any]:
    return {"shape": list(mask.grid.shape), "spacing_mm": [round(mm, 6) for mm in mask.grid.spacing_mm]}


def _gather(
    out: Path,
    first: _Method,
    second: _Method | None,
    people: Mapping[str, Mapping[str, str]],
    policy: Policy,
    namings: Mapping[str, Naming],
) -> dict[str, Any]:
    """Join the cases' files into the tables; `scores.json` comes last."""
    records = first.records()
    cases = [_whose(record["case"], people) for record in records]
    scores = {
        "format": FORMAT,
        "policy": policy.as_json() | {"rasterisation": RULE},
        "labels": {side: naming.as_json() for side, naming in namings.items()},
        "cases": cases,
        "refused": first.refused,
        "unanswered": first.unanswered,
        "without_reference": first.without_reference,
        "against": None,
    } | over_cases(cases)
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
    with atomic_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="")
