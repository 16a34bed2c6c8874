"""Write what a study found so far into docs/study.md: `python docs/make_study.py DESIGN OUT`.

OUT is the folder of `pleura study`, or a copy of it that `pleura study … --minutes 0` has closed.
The section between the two marks of that design is replaced; the figure goes to docs/pictures.
Credit for the cases: docs/evidence.md.
"""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from pleura.store.item import read_items
from pleura.studying.analysis import analyse
from pleura.studying.design import Design, read_design
from pleura.studying.runs import cpu_minutes
from pleura.studying.tables import arm_label, study_content

HERE = Path(__file__).parent
PAGE = HERE / "study.md"
FIGURE = "pictures/study-{}.png"
BEGIN, END = "<!-- results of {}: begin (docs/make_study.py) -->", "<!-- results of {}: end -->"


def main() -> None:
    name = Path(sys.argv[1]).stem
    design, out = read_design(Path(sys.argv[1])), Path(sys.argv[2])
    runs = [item for item in read_items(out) if item.id.startswith("runs/")]
    records = [item.record for item in sorted(runs, key=lambda item: item.id)]
    text = PAGE.read_text(encoding="utf-8")
    begin, end = BEGIN.format(name), END.format(name)
    before, after = text.split(begin)[0], text.split(end)[1]
    lines = [begin, *results(design, out, records, FIGURE.format(name)), end]
    PAGE.write_text(before + "\n".join(lines) + after, encoding="utf-8")


def results(design: Design, out: Path, records: list[dict], figure: str) -> Iterator[str]:
    analysis = analyse(design, records)
    content = study_content(design, analysis, records)
    wanted = len(design.arms()) * design.folds * len(design.seeds)
    now = time.gmtime(float(os.environ.get("SOURCE_DATE_EPOCH", time.time())))
    when = time.strftime("%d %B %Y, %H:%M UTC", now)
    yield f"{len(records)} of {wanted} runs were done on {when}."
    yield from of_arms(design, analysis, out)
    for heading, sentences in content.conclusions.items():
        found = [one for one in sentences if not one.startswith("Not run")]
        if found:
            yield f"\n**{heading}.** {' '.join(found)}"
    for table in content.tables:
        if table.rows:
            yield f"\n{table.caption}:\n"
            yield from markdown(table.columns, table.rows)
    drawn = out / "figures" / "study-differences.png"
    if content.differences and drawn.exists():
        shutil.copy(drawn, HERE / figure)
        yield f"\n![Each patient's difference in Dice between an arm and the baseline]({figure})"


def of_arms(design: Design, analysis: object, out: Path) -> Iterator[str]:
    """A row an arm: whole seeds, runs, and CPU minutes."""
    minutes = cpu_minutes(out, [arm.key for arm in design.arms()])
    rows = []
    for arm in design.arms():
        runs = analysis.runs.get(arm.key, 0)
        if not runs:
            continue
        seeds = ", ".join(map(str, analysis.seeds[arm.key])) or "none"
        of = design.folds * len(design.seeds)
        each = f"{minutes.get(arm.key, 0.0) / runs:.1f}"
        rows.append([arm_label(design, arm.key), f"{runs} of {of}", seeds, each])
    yield "\nRuns by arm; arms that are not listed were not begun:\n"
    yield from markdown(("arm", "runs", "seeds that are whole, by number", "CPU min a run"), rows)


def markdown(columns: object, rows: object) -> Iterator[str]:
    yield "| " + " | ".join(columns) + " |"
    yield "|---" * len(columns) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"


if __name__ == "__main__":
    main()
