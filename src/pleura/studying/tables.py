"""The analysis of a study as rows of text, for its page and its CSV file."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pleura.page.study_figures import DifferenceRow
from pleura.page.study_page import LevelLines, StudyContent, StudyTable
from pleura.studying.analysis import Analysis, levels_of
from pleura.studying.conclusions import conclusions, heading, number
from pleura.studying.design import ENDPOINTS, Arm, Design, level_text

COLUMNS = ("arm", "against", "fold", "seed", "case", "diverged")


def study_content(
    design: Design, analysis: Analysis, records: Sequence[Mapping[str, Any]]
) -> StudyContent:
    """What the page of a study shows."""
    primary = [one for one in analysis.comparisons if one.endpoint == design.primary]
    rows = [
        DifferenceRow(arm_label(design, one.arm), one.differences, one.mean, one.low, one.high)
        for one in primary
    ]
    return StudyContent(
        title=design.name,
        question=design.question,
        declared=list(_declared(design)),
        conclusions=conclusions(design, analysis),
        differences=rows,
        patients=analysis.patients,
        endpoint=ENDPOINTS[design.primary],
        lines=list(_lines(design, analysis)),
        tables=[
            *(_table(design, analysis, endpoint) for endpoint in design.endpoints),
            *_unfinished(design, analysis, records),
        ],
        problems=list(_problems(design, analysis, records)),
    )


def arm_label(design: Design, key: str) -> str:
    """An arm in words, short enough for a figure."""
    arm = next(one for one in design.arms() if one.key == key)
    own_budget = arm.recipe.steps != design.baseline.steps
    budget = f", {arm.recipe.steps} steps" if own_budget else ""
    if arm.factor is None:
        return f"baseline{budget}"
    factor = design.factors[arm.factor]
    level = level_text(arm.level).replace(",", " + ")
    return f"{factor.words.split(',')[0]} {level}{budget}"


def _declared(design: Design) -> Iterator[tuple[str, str]]:
    recipe = design.baseline
    yield "arms", str(len(design.arms()))
    yield "folds, seeds", f"{design.folds}; {', '.join(map(str, design.seeds))}"
    yield "primary endpoint", ENDPOINTS[design.primary]
    yield "other endpoints", ", ".join(ENDPOINTS[one] for one in design.endpoints[1:]) or "none"
    options = (
        f"{recipe.steps} steps of {recipe.batch} slices of {recipe.size} × {recipe.size}",
        f"loss {recipe.loss}, α {recipe.alpha:g}",
        f"learning rate {recipe.lr:g} ({recipe.schedule.replace('_', '-')})",
        f"augmentation {', '.join(recipe.augment) or 'none'}",
        f"dropout {recipe.dropout:g}",
        f"network {recipe.network}",
        f"scaling {recipe.scaling}",
        f"couch {'kept' if design.couch == 'keep' else 'removed'}",
    )
    yield "baseline", "; ".join(options)
    for factor in design.factors:
        levels = ", ".join(str(level).replace(",", " + ") for level in factor.levels)
        yield heading(design, factor), levels + ("; trend asked" if factor.trend else "")


def _lines(design: Design, analysis: Analysis) -> Iterator[LevelLines]:
    values = analysis.values[design.primary]
    for number_, factor in enumerate(design.factors):
        if not all(isinstance(level, (int, float)) for level in factor.levels):
            continue
        table = levels_of(design, number_, factor, values)
        if len(table) < 2:
            continue
        by_patient = {
            patient: {level: own[patient] for level, own in table.items() if patient in own}
            for patient in analysis.patients
        }
        yield LevelLines(f"{factor.name}-{factor.steps}", heading(design, factor), by_patient)


def _table(design: Design, analysis: Analysis, endpoint: str) -> StudyTable:
    """A row an arm: each patient's value, their mean, and the comparison with its reference."""
    p = ("p", "p, Holm") if analysis.tested and endpoint == design.primary else ()
    columns = ("arm", *analysis.patients, "mean", "difference", "95 % interval", "higher in", *p)
    rows = [
        _row(design, analysis, arm, endpoint, tested=bool(p))
        for arm in design.arms()
        if arm.key in analysis.values[endpoint]
    ]
    return StudyTable(f"{ENDPOINTS[endpoint]}, by patient", columns, rows)


def _unfinished(
    design: Design, analysis: Analysis, records: Sequence[Mapping[str, Any]]
) -> Iterator[StudyTable]:
    """The runs that count nowhere yet, because folds of their seed are missing."""
    rows = []
    for record in records:
        if "refused" in record or record["seed"] in analysis.seeds[record["arm"]]:
            continue
        head = [arm_label(design, record["arm"]), str(record["fold"]), str(record["seed"])]
        for case, scores in record["cases"].items():
            values = (scores[endpoint] for endpoint in design.endpoints)
            cells = [
                "–" if value is None else number(value, endpoint)
                for value, endpoint in zip(values, design.endpoints, strict=True)
            ]
            rows.append([*head, case, *cells])
    if rows:
        columns = ("arm", "fold", "seed", "case", *(ENDPOINTS[one] for one in design.endpoints))
        yield StudyTable("Runs of seeds that are not whole: in no comparison", columns, rows)


def _row(design: Design, analysis: Analysis, arm: Arm, endpoint: str, *, tested: bool) -> list[str]:
    own = analysis.values[endpoint][arm.key]
    cells = [number(own[name], endpoint) if name in own else "–" for name in analysis.patients]
    mean = number(sum(own.values()) / len(own), endpoint) if own else "–"
    row = [arm_label(design, arm.key), *cells, mean]
    one = analysis.of(arm.key, endpoint)
    if one is None:
        return [*row, "–", "–", "–", *(["–", "–"] if tested else [])]
    low, high, difference = (
        number(value, endpoint, sign=True) for value in (one.low, one.high, one.mean)
    )
    row += [difference, f"{low} to {high}", f"{one.rises} of {len(one.differences)}"]
    if tested:
        row += ["–" if value is None else f"{value:.3g}" for value in (one.p, one.adjusted_p)]
    return row


def _problems(
    design: Design, analysis: Analysis, records: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    for key, count in analysis.missing.items():
        of = design.folds * len(design.seeds)
        seeds = ", ".join(map(str, analysis.seeds[key]))
        rest = f"its seed {seeds} counts" if seeds else "the arm is in no comparison"
        yield f"{arm_label(design, key)}: {count} of {of} runs not done; {rest}"
    reasons = sorted({record["refused"] for record in records if "refused" in record})
    yield from reasons
    for key, count in analysis.diverged.items():
        if count:
            label = arm_label(design, key)
            yield f"{label}: {count} of {analysis.runs[key]} runs diverged, counted as Dice 0"


def runs_csv(design: Design, records: Sequence[Mapping[str, Any]]) -> str:
    """A row for each test case of each run."""
    against = {arm.key: arm.against or "" for arm in design.arms()}
    names: list[str] = []
    rows = []
    for record in records:
        if "refused" in record:
            continue
        arm, diverged = record["arm"], int(record["diverged"])
        for case, scores in record["cases"].items():
            names = sorted(scores)
            head = (arm, against[arm], record["fold"], record["seed"], case, diverged)
            rows.append((*head, *(scores[name] for name in names)))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")  # writes nothing for None
    writer.writerow([*COLUMNS, *names])
    writer.writerows(rows)
    return text.getvalue()


def study_json(design: Design, analysis: Analysis) -> dict[str, Any]:
    """The analysis as plain values."""
    return {
        "format": "pleura-study/1",
        "design": design.as_json(),
        "patients": list(analysis.patients),
        "values": {name: dict(arms) for name, arms in analysis.values.items()},
        "comparisons": [
            {
                **vars(one),
                "differences": dict(one.differences),
                "seeds": list(one.seeds),
                "rises": one.rises,
                "falls": one.falls,
            }
            for one in analysis.comparisons
        ],
        "trends": [
            {**vars(one), "levels": list(one.levels), "tau": dict(one.tau)}
            for one in analysis.trends
        ],
        "missing": dict(analysis.missing),
        "diverged": dict(analysis.diverged),
        "runs": dict(analysis.runs),
        "seeds": {arm: list(own) for arm, own in analysis.seeds.items()},
        "conclusions": [
            {"about": head, "lines": list(lines)}
            for head, lines in conclusions(design, analysis).items()
        ],
    }
