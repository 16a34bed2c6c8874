"""Sites come from the user's table, never from headers, and the page follows the table."""

import csv
import json
from pathlib import Path

import pydicom
import pytest

from pleura.core.errors import UsageError
from pleura.verbs.measure import measure
from pleura.verbs.phantom import phantom
from pleura.verbs.segment import segment


@pytest.fixture(scope="module")
def chests(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "chests"
    phantom(folder, cases=2, size=48, slices=16)
    for path in (folder / "Images").rglob("*.dcm"):
        dataset = pydicom.dcmread(path)
        dataset.InstitutionName = "Quillfeather Hospital"
        dataset.save_as(path)
    return folder


def table(path, *rows):
    path.write_text("\n".join(["case,site", *rows]) + "\n", encoding="utf-8")
    return path


def column(out, name):
    with (out / "lungs.csv").open(encoding="utf-8", newline="") as file:
        return [row.get(name) for row in csv.DictReader(file)]


def test_the_table_is_followed_without_doing_the_cases_again(chests, tmp_path):
    source, out, sites = chests / "Images", tmp_path / "out", tmp_path / "sites.csv"
    cases = segment(source, out, model=Path("classical")).cases
    first, second = (case["id"] for case in cases)
    assert set(column(out, "site")) == {None}
    masks = {path: path.stat().st_mtime_ns for path in out.rglob("*.nii.gz")}

    table(sites, f"{first},Leipzig")
    segment(source, out, model=Path("classical"), patients=sites)
    assert column(out, "site") == ["Leipzig"] * 3 + [""] * 3
    table(sites, f"{first},Leipzig", f"{second},=Kyoto")
    segment(source, out, model=Path("classical"), patients=sites)
    assert column(out, "site") == ["Leipzig"] * 3 + ["'=Kyoto"] * 3
    entries = json.loads((out / "lungs.json").read_text(encoding="utf-8"))["cases"]
    assert [entry["site"] for entry in entries] == ["Leipzig", "=Kyoto"]
    assert masks == {path: path.stat().st_mtime_ns for path in masks}
    written = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    assert b"Quillfeather" not in written


def test_measure_and_a_job_array_take_the_table(chests, tmp_path):
    source, masks, out = chests / "Images", chests / "Labels", tmp_path / "out"
    ids = [case["id"] for case in measure(source, masks, tmp_path / "plain").cases]
    sites = table(tmp_path / "sites.csv", *(f"{id},Leipzig" for id in ids))
    plan = measure(source, masks, out, patients=sites, plan=True, tasks=1)
    assert f"--patients {sites}" in plan.slurm
    measure(source, masks, out, patients=sites, task="0/1")
    measure(source, masks, out, patients=sites)
    assert set(column(out, "site")) == {"Leipzig"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("case,patient\nx,y\n", "no column site"),
        ("case,site\nCase_999,Leipzig\n", "names none of the 2 cases"),
        ("case,site\nx,\n", "in line 2"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(chests, tmp_path, text, said):
    (tmp_path / "sites.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        segment(chests / "Images", tmp_path / "out", patients=tmp_path / "sites.csv")
    assert not (tmp_path / "out").exists()
