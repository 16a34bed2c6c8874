"""What the gate refuses is used by no verb, and every verb names the same code (D2)."""

import json

import numpy as np
import pytest
from testing.classical import segment

from pleura.anatomy.couch import body_mask
from pleura.core.codes.quality import GATE, QUALITY
from pleura.core.errors import InputRefused, NothingUsable
from pleura.core.findings import Verdict
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SeriesSpec, write_series
from pleura.verbs.couch import couch
from pleura.verbs.deidentify import deidentify
from pleura.verbs.load import load
from pleura.verbs.prepare import prepare
from pleura.verbs.scan import scan

SHAPE = (24, 64, 64)


def blank(hu):
    hu[len(hu) // 2] = -1024
    return hu


def repeated(hu):
    hu[len(hu) // 2] = hu[len(hu) // 2 - 1]
    return hu


def half_off(hu):
    hu[len(hu) // 2 :] += 700
    return hu


FLAWS = {
    "UPSIDE-DOWN": lambda hu: hu[::-1],
    "SPINE-IN-FRONT": lambda hu: hu[:, ::-1],
    "SIDEWAYS": lambda hu: np.rot90(hu, 1, (1, 2)),
    "NO-LUNGS": lambda hu: hu,
    "NOT-HU": lambda hu: hu // 3,
    "BLANK-SLICES": blank,
    "SLICES-REPEATED": repeated,
    "SLICES-DISAGREE": half_off,
}


def test_the_list_is_complete():
    """Every code of the gate that can refuse, but SLICES-OUT-OF-PLACE, stands above."""
    refusals = {code for code in GATE if Verdict.REFUSED in QUALITY[code].verdicts}
    assert set(FLAWS) == refusals - {"SLICES-OUT-OF-PLACE"}


@pytest.fixture(scope="module", params=FLAWS)
def flawed(request, tmp_path_factory):
    """A folder with one flawed series, and the code that refuses it."""
    volume, _ = chest(SHAPE, seed=3)
    hu = np.ascontiguousarray(FLAWS[request.param](volume.hu.copy()))
    if request.param == "NO-LUNGS":
        hu[body_mask(volume) & (hu < -150)] = 40
    folder = tmp_path_factory.mktemp("flawed")
    write_series(
        folder / "in" / "Case_000",
        Volume(hu, Grid.axial(hu.shape, volume.grid.spacing_mm)),
        SeriesSpec(seed=3),
    )
    return folder, request.param


def codes_in(out):
    (case,) = json.loads((out / "run.json").read_text())["cases"]
    return [finding["code"] for finding in case["findings"] if finding["verdict"] == "refused"]


def test_scan(flawed):
    folder, code = flawed
    (series,) = scan(folder / "in").series
    assert [f.code for f in series.findings if f.verdict.word == "refused"] == [code]


def test_prepare(flawed, tmp_path):
    folder, code = flawed
    with pytest.raises(NothingUsable, match=code):
        prepare(folder / "in", tmp_path / "out")


def test_load(flawed):
    folder, code = flawed
    with pytest.raises(InputRefused) as error:
        load(folder / "in")["Case_000"]
    assert error.value.code == code


@pytest.mark.parametrize("verb", [segment, couch])
def test_segment_and_couch(flawed, tmp_path, verb):
    folder, code = flawed
    verb(folder / "in", tmp_path / "out")
    assert codes_in(tmp_path / "out") == [code]
    assert not (tmp_path / "out" / "Case_000").exists()


def test_deidentify_with_crop(flawed, tmp_path):
    folder, code = flawed
    result = deidentify(folder / "in", tmp_path / "out", crop_above_apex=10.0, workers=1)
    assert result.files == 0
    assert list(result.uncropped) == [code]
    assert not list((tmp_path / "out").rglob("*.dcm"))
