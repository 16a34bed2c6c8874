"""The page of lungs is what jinja2 makes of a template, to the last byte."""

from collections import Counter
from pathlib import Path

import pytest

from pleura import __version__
from pleura.page import lungs_page as page
from pleura.page.html import environment

HERE = Path(__file__).parent
STYLE = HERE.parents[1] / "src/pleura/page/style.html.j2"
HOSTILE = """<b>&"it's" {{ $x }} ${y}</b>"""


def measures(ml):
    names = ("mass_g", "mean_hu", "perc15_hu", "laa950_percent", "haa_percent")
    return {"ml": ml} | dict.fromkeys(names, -ml / 7)


def case(id, verdict="ok", **more):
    found = [
        {"code": "A", "verdict": "review", "message": f"more than {HOSTILE}"},
        {"code": "B", "verdict": "ok", "message": "a note"},
    ]
    return {"id": id, "verdict": verdict, "mask": None, "findings": found} | more


CASES = [
    case("Case_000", mask="Case_000/lungs.nii.gz", measures={"right": measures(2000.4)}),
    case(
        HOSTILE,
        "review",
        measures={"right": measures(1), "both": measures(2), "left": None},
        incomplete=["cut"],
        scan={"slice_thickness_mm": 1.25, "kernel": HOSTILE, "contrast": "yes"},
    ),
    case("Case_002", "refused", findings=[], scan={"kernel": "B70f"}),
    case("Case_003", "repaired", incomplete=["cut"], scan={"kernel": "B70f"}),
]


def by_jinja(out, cases, title):
    texts = {"lungs": HERE / "lungs.html.j2", "style.html.j2": STYLE}
    filled = environment(lambda name: texts[name].read_text(encoding="utf-8"))
    ordered = sorted(cases, key=lambda one: (page.ORDER.index(one["verdict"]), one["id"]))
    counts = Counter(one["verdict"] for one in cases)
    words = [f"{counts[word]} {word}" for word in reversed(page.ORDER) if counts[word]]
    text = filled.get_template("lungs").render(
        title=title,
        version=__version__,
        entries=[page._entry(out, one, True) for one in ordered],
        summary=", ".join(words) or "no cases",
    )
    # the two libraries write quotes by number and by name
    return text.replace("&#39;", "&#x27;").replace("&#34;", "&quot;") + "\n"


@pytest.mark.parametrize("cases", [CASES, CASES[:1], []])
@pytest.mark.parametrize("title", ["Lungs", HOSTILE])
def test_the_same_as_by_jinja(cases, title, tmp_path):
    picture = tmp_path / "Case_000" / "planes.png"
    picture.parent.mkdir()
    picture.write_bytes(b"not really a picture")
    assert page.lungs_page(tmp_path, cases, title) == by_jinja(tmp_path, cases, title)
