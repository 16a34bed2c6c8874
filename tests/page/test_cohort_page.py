"""The page over a cohort: small, safe, and its table works (run by node, where there is one)."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from pleura.page.cohort_page import cohort_page, outlier_scores

STUB = """
const made = {};
function node(name) {
  const one = {name, children: [], handlers: {}, textContent_: "", value: "", disabled: false,
    appendChild(child) { this.children.push(child); },
    addEventListener(kind, does) { this.handlers[kind] = does; },
    querySelector(part) { return this.parts[part] = this.parts[part] || node(part); },
    scrollIntoView() {}, parts: {}};
  Object.defineProperty(one, "textContent", {
    get() { return this.textContent_; },
    set(text) { this.textContent_ = text; this.children = []; }});
  return one;
}
globalThis.document = {
  getElementById(id) { return made[id] = made[id] || node(id); }, createElement: node};
made.data = node("data");
made.data.textContent_ = require("fs").readFileSync(0, "utf8");
"""
ASK = """
const table = made.cases, ids = () =>
  table.parts.tbody.children.map(line => line.children[0].textContent);
const seen = {first: ids(), place: made.place.textContent};
table.parts.tr.children[0].children[0].handlers.click();
seen.by_id = ids();
made.find.value = "lung-missing"; made.find.handlers.input();
seen.found = ids();
made.find.value = ""; made.find.handlers.input(); made.next.handlers.click();
seen.second = made.place.textContent;
table.parts.tbody.children[0].handlers.click();
seen.picture = made.picture.children.map(one => one.src || one.textContent);
console.log(JSON.stringify(seen));
"""


def record(number, ml=5000.0, hu=-850.0, verdict="ok", code=None, scanner="ACME One"):
    side = {"ml": ml / 2, "mean_hu": hu, "perc15_hu": hu - 60}
    measures = {"right": side, "left": side, "both": side | {"ml": ml}}
    found = [] if code is None else [{"code": code, "verdict": verdict, "message": "why"}]
    return {
        "id": f"CT-{number:05}",
        "verdict": verdict,
        "reason": f"{code}: why" if code else "",
        "findings": found,
        "mask": None if verdict == "refused" else "lungs.nii.gz",
        "measures": None if verdict == "refused" else measures,
        "scan": {"scanner": scanner},
    }


def cohort(count):
    random = np.random.default_rng(24)
    cases = [
        record(number, random.normal(5000, 600), random.normal(-850, 20)) for number in range(count)
    ]
    cases[7] = record(7, ml=900.0)
    cases[8] = record(8, verdict="refused", code="LUNG-MISSING", scanner="<script>alert(1)")
    return cases


def script_and_data(page):
    data, script = re.search(
        r'<script id="data" type="application/json">(.*?)</script>\s*<script>(.*?)</script>',
        page,
        re.DOTALL,
    ).groups()
    return script, data


def test_outliers_are_far_from_the_median_in_robust_standard_deviations():
    volumes = np.array([4.0, 5.0, 6.0, 5.0, 100.0, np.nan])
    scores = outlier_scores([volumes, np.full(6, 1.0)])
    assert np.argmax(np.nan_to_num(scores)) == 4
    assert scores[4] == pytest.approx(95 / 1.4826)
    assert scores[1] == 0
    assert np.isnan(outlier_scores([volumes])[5])


def test_ten_thousand_cases_are_a_small_page_without_pictures():
    page = cohort_page(cohort(10_000), "Lungs")
    assert len(page) < 1_500_000
    assert "data:image" not in page
    assert "9999 ok, 1 refused" in page
    rows = json.loads(script_and_data(page)[1])["rows"]
    assert len(rows) == 10_000
    assert max(rows, key=lambda row: row[8] or 0)[0] == "CT-00007"


def test_sites_of_a_table_have_a_row_each():
    cases = cohort(200)
    assert "<h2>Sites</h2>" not in cohort_page(cases, "Lungs")
    for number, case in enumerate(cases):
        case["site"] = ("Leipzig", "<b>Kyoto", None)[number % 3]
    page = cohort_page(cases, "Lungs")
    start, end = page.index("<h2>Sites</h2>"), page.index("<h2>Scanners</h2>")
    rows = re.findall(
        r"<tr><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td>", page[start:end]
    )
    assert rows == [
        ("&lt;b&gt;Kyoto", "67", "0", "0"),
        ("Leipzig", "67", "0", "0"),
        ("unknown", "66", "0", "1"),
    ]


def test_what_a_header_says_is_never_markup():
    page = cohort_page(cohort(200), "Lungs")
    assert "<script>alert" not in page


@pytest.mark.skipif(shutil.which("node") is None, reason="no node to run the page's script")
def test_the_table_sorts_finds_and_turns_pages(tmp_path):
    script, data = script_and_data(cohort_page(cohort(200), "Lungs"))
    (tmp_path / "page.js").write_text(STUB + script.replace('"use strict";', "") + ASK)
    done = subprocess.run(
        ["node", str(tmp_path / "page.js")], input=data, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["first"][0] == "CT-00007"
    assert len(seen["first"]) == 50
    assert seen["place"] == "1 to 50 of 200"
    assert seen["by_id"] == [f"CT-{number:05}" for number in range(50)]
    assert seen["found"] == ["CT-00008"]
    assert seen["second"] == "51 to 100 of 200"
    assert seen["picture"] == ["CT-00050", "CT-00050/planes.png"]
