"""scan looks at headers and pixels, says what it saw, and changes nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from testing import flaws

from pleura.core.errors import Exit, UsageError
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SeriesSpec, series, write_files
from pleura.verbs.scan import scan


@pytest.fixture(scope="module")
def volume():
    return chest((40, 96, 96), seed=3)[0]


def entry(folder, **options):
    (one,) = scan(folder, **options).as_json()
    return one


def codes(one):
    return {finding["code"] for finding in one["findings"]}


def test_a_chest_is_ok(volume, tmp_path):
    write_files(tmp_path, series(volume))
    one = entry(tmp_path)
    assert one["verdict"] in ("ok", "review"), one
    assert not codes(one) & {"NOT-HU", "NO-LUNGS", "UPSIDE-DOWN", "SPINE-IN-FRONT", "HU-OFFSET"}
    assert one["content_checked"]
    assert one["spacing"] == pytest.approx(volume.grid.spacing_mm)


def test_headers_alone_say_so(volume, tmp_path):
    write_files(tmp_path, flaws.tags(series(volume), RescaleIntercept="0"))
    told = scan(tmp_path, headers=True)
    assert told.as_json()[0]["verdict"] == "ok"
    assert not told.as_json()[0]["content_checked"]
    assert "not checked" in " ".join(told.notes())


def test_a_sample_says_how_many_slices_it_is(tmp_path):
    for number, slices in enumerate((100, 12)):
        volume, _ = chest((slices, 48, 48), seed=number)
        (tmp_path / str(slices)).mkdir()
        write_files(tmp_path / str(slices), series(volume, SeriesSpec(seed=number)))
    told = scan(tmp_path)
    rows = {one["slices"]: one for one in told.as_json()}
    assert {slices: one["slices_read"] for slices, one in rows.items()} == {100: 34, 12: 12}
    lines = [line for line in told.notes() if "some slices" in line]
    assert len(lines) == 1
    assert f"34 of 100 ({rows[100]['id']});" in lines[0]
    headers = scan(tmp_path, headers=True)
    assert {one["slices_read"] for one in headers.as_json()} == {0}
    assert not [line for line in headers.notes() if "some slices" in line]


@pytest.mark.parametrize(
    ("flaw", "code", "verdict"),
    [
        (lambda s: flaws.tags(s, RescaleIntercept="0"), "HU-OFFSET", "repaired"),
        (lambda s: flaws.tags(s, RescaleSlope="3"), "NOT-HU", "refused"),
        (flaws.upside_down, "UPSIDE-DOWN", "refused"),
    ],
)
def test_pixels_are_looked_at(flaw, code, verdict, volume, tmp_path):
    write_files(tmp_path, flaw(series(volume)))
    one = entry(tmp_path)
    assert code in codes(one), one
    assert {f["verdict"] for f in one["findings"] if f["code"] == code} == {verdict}


def test_a_slice_is_named_by_its_number_in_the_series_not_in_the_sample(tmp_path):
    volume, _ = chest((100, 48, 48), seed=3)
    lost = 39  # every third slice is sampled
    hu = volume.hu.copy()
    hu[lost] = -1024
    write_files(tmp_path, series(Volume(hu, volume.grid)))
    (blank,) = [f for f in entry(tmp_path)["findings"] if f["code"] == "BLANK-SLICES"]
    assert blank["evidence"]["where"] == f"slice {lost + 1}"


def test_water_is_no_chest(tmp_path):
    hu = np.full((20, 48, 48), -1000, np.int16)
    hu[:, 8:40, 8:40] = 10
    grid = Grid.axial(hu.shape, (5, 6, 6))
    write_files(tmp_path, series(Volume(hu, grid)))
    one = entry(tmp_path)
    assert "NO-LUNGS" in one["reason"]
    assert scan(tmp_path).exit_code is Exit.NOTHING_USABLE


def test_rules_choose_one_series_of_a_study(tmp_path):
    rng = np.random.default_rng(1)
    for number, (kernel, slices) in enumerate((("LUNG", 6), ("STANDARD", 8)), 1):
        hu = rng.integers(-1000, 100, (slices, 16, 16)).astype(np.int16)
        thick = Volume(hu, Grid.axial(hu.shape, (48 / slices, 4, 4)))
        write_files(
            tmp_path, series(thick, replace(SeriesSpec(seed=5, number=number), kernel=kernel))
        )

    def chosen(*rules):
        return entry(tmp_path, headers=True, rules=list(rules))["header"]["ConvolutionKernel"]

    assert chosen("thinnest") == "STANDARD"
    assert chosen("most-slices") == "STANDARD"
    assert chosen("first") == "LUNG"
    assert chosen("LUNG", "thinnest") == "LUNG"


def test_exit_codes(tmp_path):
    (tmp_path / "a").mkdir()
    assert scan(tmp_path / "a").exit_code is Exit.NOTHING_USABLE
    with pytest.raises(UsageError):
        scan(tmp_path / "none")


def test_json_tells_what_each_series_is(tmp_path):
    volume, _ = chest((12, 24, 24), spacing_mm=(24, 16, 16), seed=1)
    write_files(
        tmp_path, flaws.syntaxes(series(volume, SeriesSpec(kernel="B30f")), ["explicit", "rle"])
    )
    (entry,) = scan(tmp_path, headers=True).as_json()
    assert entry["transfer_syntaxes"] == {
        "1.2.840.10008.1.2.1": "Explicit VR Little Endian",
        "1.2.840.10008.1.2.5": "RLE Lossless",
    }
    wanted = {
        "modality": "CT",
        "sop_class": "CT Image Storage",
        "body_part": "CHEST",
        "patient_position": "HFS",
    }
    wanted |= {
        "manufacturer": "Pleura Phantoms",
        "kernel": "B30f",
        "files": 12,
        "slices": 12,
        "orientation": "SPL",
    }
    assert {key: entry[key] for key in wanted} == wanted


def test_an_object_store_is_named_as_what_scan_does_not_read():
    with pytest.raises(UsageError, match="object stores"):
        scan(Path("s3://bucket/prefix"))
