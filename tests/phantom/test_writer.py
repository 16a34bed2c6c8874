"""A stranger (SimpleITK) reads the series back voxel for voxel, in every encoding, orientation
and sign.
"""

import json
from importlib import resources

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from pleura.core.errors import UsageError
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SYNTAXES, SeriesSpec, write_series


def stranger(files):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(f) for f in files])
    return reader.Execute()


@pytest.fixture(scope="module")
def volume():
    return chest((5, 20, 24), spacing_mm=(50, 18, 17), seed=2)[0]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("signed", [False, True])
def test_every_encoding_reads_back_exactly(tmp_path, volume, syntax, signed):
    spec = SeriesSpec(seed=4, syntax=syntax, signed=signed, intercept=0.0 if signed else -1024.0)
    files = write_series(tmp_path, volume, spec)
    assert str(pydicom.dcmread(files[0]).file_meta.TransferSyntaxUID) == SYNTAXES[syntax]
    assert np.array_equal(sitk.GetArrayFromImage(stranger(files)), volume.hu)


@pytest.mark.parametrize(
    ("slope", "intercept", "bits"), [(1, -1024, 12), (2, -2000, 16), (1, -8192, 16)]
)
def test_rescale_reads_back(tmp_path, volume, slope, intercept, bits):
    files = write_series(
        tmp_path, volume, SeriesSpec(slope=slope, intercept=intercept, bits_stored=bits)
    )
    assert np.abs(sitk.GetArrayFromImage(stranger(files)) - volume.hu).max() <= slope / 2


def test_geometry_of_an_oblique_stack(tmp_path, volume):
    turn = np.array([[0.8, 0.6, 0], [-0.6, 0.8, 0], [0, 0, 1]])
    affine = volume.grid.affine.copy()
    affine[:3, :3] = turn @ affine[:3, :3]
    oblique = Volume(volume.hu, Grid(volume.grid.shape, affine))
    image = stranger(write_series(tmp_path, oblique))
    for index in ((0, 0, 0), (4, 3, 7), (2, 19, 23)):
        assert image.TransformIndexToPhysicalPoint(index[::-1]) == pytest.approx(
            oblique.grid.to_world(index), abs=1e-4
        )


def test_padding_is_declared_or_not(tmp_path):
    padded = chest((3, 16, 16), seed=1, padding_hu=-2000)[0]
    spec = SeriesSpec(signed=True, intercept=-1024)
    files = write_series(tmp_path / "declared", padded, spec)
    one = pydicom.dcmread(files[0])
    assert one["PixelPaddingValue"].VR == "SS"
    assert one.PixelPaddingValue == -2000 + 1024
    files = write_series(
        tmp_path / "silent", padded, SeriesSpec(signed=True, declare_padding=False)
    )
    assert "PixelPaddingValue" not in pydicom.dcmread(files[0])
    assert np.array_equal(sitk.GetArrayFromImage(stranger(files)), padded.hu)


def test_values_that_do_not_fit_are_refused(tmp_path, volume):
    with pytest.raises(UsageError, match="fit"):
        write_series(tmp_path, volume, SeriesSpec(bits_stored=12, intercept=0))
    with pytest.raises(UsageError, match="written as"):
        write_series(tmp_path, volume, SeriesSpec(syntax="lossy"))


def test_names_tell_no_order_and_headers_hold_an_invented_person(tmp_path, volume):
    files = write_series(tmp_path / "a", volume, SeriesSpec(seed=9))
    assert sorted(files) != files
    assert [f.read_bytes() for f in write_series(tmp_path / "b", volume, SeriesSpec(seed=9))] == [
        f.read_bytes() for f in files
    ]
    one = pydicom.dcmread(files[0])
    assert one.PatientID.startswith("MRN")
    assert one.PatientName.family_name not in "".join(f.name for f in files)
    assert len({pydicom.dcmread(f).SOPInstanceUID for f in files}) == 5


def test_every_type_1_and_2_attribute_of_the_ct_iod_is_there(tmp_path, volume):
    tables = resources.files("highdicom._standard")
    modules = json.loads((tables / "iod_module_map.json").read_text())["ct-image"]
    attributes = json.loads((tables / "module_attribute_map.json").read_text())
    one = pydicom.dcmread(write_series(tmp_path, volume)[0])
    mandatory = [
        a for m in modules if m["usage"] == "M" for a in attributes[m["key"]] if not a["path"]
    ]
    wanted = [a for a in mandatory if a["type"] in ("1", "2")]
    assert len(wanted) > 30
    assert [a["keyword"] for a in wanted if a["keyword"] not in one] == []
    assert [a["keyword"] for a in wanted if a["type"] == "1" and one[a["keyword"]].is_empty] == []
