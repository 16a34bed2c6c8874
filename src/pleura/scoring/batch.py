"""All cases of an evaluation: scored in the pool, gathered in tables, last `scores.json`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pleura.core.atomic import atomic_file, read_json, write_json
from pleura.core.errors import UsageError
from pleura.core.progress import Progress, silent
from pleura.files.accounting import Accounting
from pleura.labels.mappings import Naming
from pleura.labels.pair import REFERENCE
from pleura.labels.rasterisation import RULE
from pleura.metrics.policy import Policy
from pleura.metrics.summary import comparison, over_cases
from pleura.metrics.tables import SCORE_COLUMNS, SLICE_COLUMNS, as_csv, score_rows, slice_rows
from pleura.scoring.case import Job, Scoring, record_path, refused_record
from pleura.scoring.methods import AGAINST as AGAINST_NAME
from pleura.scoring.methods import MASKS, method_name
from pleura.scoring.pairing import Pairing, References
from pleura.scoring.result import EvaluateResult
from pleura.store.items import Batch, do_items
from pleura.store.job_array import Part
from pleura.store.layout import AGAINST, CASES, SCORES, SCORES_CSV, SLICES_CSV
from pleura.store.part_results import ShareResult
from pleura.store.run_record import RunRecord
from pleura.store.spread import How

FORMAT = "pleura-scores/2"


@dataclass(frozen=True)
class Method:
    """The masks of one method. `name` stands in tables; `folder` gets a file for each case."""

    name: str
    folder: Path
    pairing: Pairing
    naming: Naming
    option: str
    """The option that says what its labels mean."""

    @property
    def group(self) -> str:
        """Prefix of its cases in the records of OUT."""
        return f"{self.folder.name}/"


class Refusal(NamedTuple):
    """Why a case has no scores."""

    reason: str
    code: str


@dataclass(frozen=True)
class Scored:
    """One method's cases: `records` as their files have them, and the cases without scores.

    `gone` are cases that were scored before and are not in the input any more. `complete` is false
    where a passing fault (memory, disk, a lost worker) left a case for the next run.
    """

    method: Method
    records: Sequence[Mapping[str, Any]]
    refused: Sequence[Mapping[str, str]]
    gone: Sequence[str]
    complete: bool


@dataclass(frozen=True)
class Evaluation:
    """What is scored, and by which rules."""

    references: References
    naming: Naming
    policy: Policy
    resample: bool
    shown: Mapping[str, str] = field(default_factory=dict)
    """Case to the name that stands in results."""

    def jobs(self, pairing: Pairing) -> list[Job]:
        """The cases that have a mask and a reference, one of each."""
        unclear = pairing.unclear.keys() | self.references.unclear.keys()
        return [
            Job(self.shown[case], files.path, self.references.cases[case])
            for case, files in pairing.masks.items()
            if case not in unclear
        ]

    def unclear(self, pairing: Pairing) -> dict[str, Refusal]:
        """Cases with several masks or references, by their name in results."""
        refused = {
            case: Refusal(REFERENCE + one.message, one.code)
            for case, one in self.references.unclear.items()
        }
        refused |= {case: Refusal(one.message, one.code) for case, one in pairing.unclear.items()}
        return {self.shown[case]: one for case, one in refused.items()}


def score_share(
    run: RunRecord,
    part: Part,
    evaluation: Evaluation,
    method: Method,
    how: How,
    progress: Progress = silent,
) -> ShareResult:
    """Score one task's share of a method's cases."""
    jobs = part.share(run, evaluation.jobs(method.pairing))
    batch = _do(run, evaluation, method, jobs, how, progress)
    return part.share_done(run, jobs, batch, method.group)


def score_method(
    run: RunRecord, evaluation: Evaluation, method: Method, how: How, progress: Progress = silent
) -> Scored:
    """Score the cases of a method that are not scored yet; a failure concerns its case only."""
    jobs = evaluation.jobs(method.pairing)
    batch = _do(run, evaluation, method, jobs, how, progress)
    refused = evaluation.unclear(method.pairing)
    for record in batch.records:
        if record["refused"]:
            refused[record["case"]] = Refusal(record["refused"], record["code"])
    records = [
        read_json(record_path(method.folder, job.id)) for job in jobs if job.id not in refused
    ]
    listed = [{"case": case, **refused[case]._asdict()} for case in sorted(refused)]
    return Scored(method, records, listed, batch.gone, batch.complete)


def methods_of(
    masks: Mapping[str, tuple[Path, str]],
    out: Path,
    pairings: Mapping[str, Pairing],
    namings: Mapping[str, Naming],
) -> list[Method]:
    """The method that is scored, and the one that it is compared with, if any.

    Args:
        masks: `mask` and `against` to the folder of masks and the name that the user gave.
        out: the output folder.
        pairings: masks and references, by the same keys.
        namings: meaning of labels, by the same keys.
    """
    settings = {
        "mask": (MASKS, CASES, "--mapping"),
        "against": (AGAINST_NAME, AGAINST, "--against-mapping"),
    }
    methods = []
    for side, pairing in pairings.items():
        folder, name = masks[side]
        default, subfolder, option = settings[side]
        label = method_name(name, folder, default)
        methods.append(Method(label, out / subfolder, pairing, namings[side], option))
    return methods


def score_methods(
    run: RunRecord,
    evaluation: Evaluation,
    methods: Sequence[Method],
    people: Mapping[str, Mapping[str, str]],
    account: Callable[[Sequence[Scored]], Accounting],
    how: How,
    progress: Progress,
) -> dict[str, Any]:
    """Score one or two methods, write the tables, and close the record of OUT.

    `account` returns what became of the files of the input.

    Returns:
        The content of `scores.json`.
    """
    scored = [score_method(run, evaluation, method, how, progress) for method in methods]
    second = scored[1] if len(scored) > 1 else None
    scores = gather(run.folder, evaluation, scored[0], second, people)
    files = account(scored).as_json()
    gone: list[str] = []
    for one in scored:
        gone += one.gone
    run.finish(
        EvaluateResult(run.folder, scores, files, unread=run.has_faults).exit_code,
        complete=all(one.complete for one in scored),
        files=(SCORES, SCORES_CSV, SLICES_CSV),
        cases=len(scores["cases"]),
        input=files,
        gone=gone,
    )
    return scores


def _do(
    run: RunRecord,
    evaluation: Evaluation,
    method: Method,
    jobs: Sequence[Job],
    how: How,
    progress: Progress,
) -> Batch:
    namings = (method.naming, evaluation.naming)
    options = (method.option, "--ref-mapping")
    recipe = Scoring(method.folder, evaluation.policy, evaluation.resample, namings, options)
    more: dict[str, Any] = {"group": method.group, "stage": "evaluate", "progress": progress}
    return do_items(run, recipe, jobs, how, refused_record, **more)


def gather(
    out: Path,
    evaluation: Evaluation,
    first: Scored,
    second: Scored | None,
    people: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    """Write `scores.csv`, `slices.csv` and, last, `scores.json`; return the content of the last."""
    cases = _with_people(first.records, people)
    scores: dict[str, Any] = {
        "format": FORMAT,
        "methods": {"mask": first.method.name}
        | ({} if second is None else {"against": second.method.name}),
        "policy": evaluation.policy.as_json() | {"rasterisation": RULE},
        "labels": {"mask": first.method.naming.as_json(), "reference": evaluation.naming.as_json()},
        "cases": cases,
        "refused": first.refused,
        "unanswered": _names(evaluation, first.method.pairing.unanswered),
        "without_reference": _names(evaluation, first.method.pairing.without_reference),
        "against": None,
    }
    scores |= over_cases(cases)
    if second is not None:
        scores["labels"]["against"] = second.method.naming.as_json()
        others = _with_people(second.records, people)
        scores["against"] = {
            "cases": others,
            "refused": second.refused,
            "unanswered": _names(evaluation, second.method.pairing.unanswered),
            "tests": comparison(cases, others),
        }
    _write(
        out / SCORES_CSV, as_csv(SCORE_COLUMNS, (row for case in cases for row in score_rows(case)))
    )
    slices = (
        row
        for record in first.records
        for row in slice_rows(record["case"]["case"], record["per_slice"])
    )
    _write(out / SLICES_CSV, as_csv(SLICE_COLUMNS, slices))
    write_json(out / SCORES, scores)
    return scores


def check_people(people: Mapping[str, Mapping[str, str]], cases: Sequence[str]) -> None:
    """Check that a table of patients names every case that is scored.

    Raises:
        UsageError: it names none of them, or lacks some.
    """
    if not people:
        return
    missing = [case for case in cases if case not in people]
    if len(missing) == len(cases):
        raise UsageError(
            f"the --patients table names none of the {len(cases)} cases; its column `case` must "
            "hold their names (as scores.csv has them, or the masks' file names without ending)"
        )
    if missing:
        raise UsageError(
            f"the --patients table lacks {len(missing)} of {len(cases)} cases; add a row for each "
            "case"
        )


def _names(evaluation: Evaluation, cases: Sequence[str]) -> list[str]:
    """Names for results; a line about a label object names no file and is unchanged."""
    return [evaluation.shown.get(case, case) for case in cases]


def _with_people(
    records: Sequence[Mapping[str, Any]], people: Mapping[str, Mapping[str, str]]
) -> list[dict[str, Any]]:
    cases = []
    for record in records:
        case = record["case"]
        known = people.get(case["case"], {})
        cases.append(
            dict(case) | {"patient": known.get("patient", case["case"]), "site": known.get("site")}
        )
    return cases


def _write(path: Path, text: str) -> None:
    with atomic_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="")
