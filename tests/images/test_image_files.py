"""NIfTI, NRRD and MetaImage as strangers write them: read to the last byte, within limits, or
refused by a code.
"""

import contextlib
import gzip
import os
import tracemalloc
import zipfile

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

import pleura
from pleura.core.errors import GridMismatch, InputRefused, UsageError
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.images.volumes import find_volumes, read_volume
from pleura.labels.registry import find_masks, read_mask
from pleura.phantom.anatomy import chest

GRID = Grid.axial((6, 7, 8), (2.5, 0.7, 0.9), (-10.0, 20.0, 30.0))
LABELS = np.random.default_rng(0).integers(0, 3, GRID.shape).astype(np.uint8)
RAS_AFFINE = np.array([[-0.9, 0, 0, 10], [0, -0.7, 0, -20], [0, 0, 2.5, 30], [0, 0, 0, 1.0]])


def by_simpleitk(path, array=LABELS, compress=False):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.9, 0.7, 2.5))
    image.SetOrigin((-10.0, 20.0, 30.0))
    sitk.WriteImage(image, str(path), compress)
    return path


def code_of(path, grid=GRID):
    with pytest.raises(InputRefused) as caught:
        read_mask(path, grid)
    assert "\n" not in str(caught.value)
    assert path.name not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize("suffix", [".mhd", ".nhdr", ".mha", ".nrrd", ".nii", ".nii.gz"])
@pytest.mark.parametrize("compress", [True, False])
def test_pairs_and_single_files_of_simpleitk(suffix, compress, tmp_path):
    back = read_mask(by_simpleitk(tmp_path / f"m{suffix}", compress=compress), GRID)
    assert back.grid is GRID
    np.testing.assert_array_equal(back.labels, LABELS)
    assert list(find_masks(tmp_path)) == ["m"], "the voxels of a pair are not a mask of their own"


@pytest.mark.parametrize("origin", ["Offset", "Position", "Origin"])
@pytest.mark.parametrize("axes", ["TransformMatrix", "Rotation", "Orientation"])
def test_synonyms_of_metaimage_as_simpleitk_reads_them(origin, axes, tmp_path):
    path = tmp_path / "m.mha"
    text = f"""ObjectType = Image
NDims = 3
BinaryData = True
{axes} = 0 1 0 -1 0 0 0 0 1
{origin} = -3.5 2.25 7
ElementSpacing = 0.9 0.7 2.5
DimSize = 8 7 6
ElementType = MET_UCHAR
ElementDataFile = LOCAL
"""
    path.write_bytes(text.encode() + LABELS.tobytes())
    image = sitk.ReadImage(str(path))
    grid = read_mask(path).grid
    for index in ([0, 0, 0], [5, 6, 7], [2, 3, 1]):
        np.testing.assert_allclose(
            grid.to_world(index), image.TransformIndexToPhysicalPoint(index[::-1]), atol=1e-9
        )


def test_every_flipped_bit_of_a_nifti_is_noticed_or_harmless(tmp_path):
    whole = by_simpleitk(tmp_path / "m.nii.gz").read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(200):
        spoilt = bytearray(whole)
        spoilt[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        (tmp_path / "x.nii.gz").write_bytes(spoilt)
        with contextlib.suppress(InputRefused):
            np.testing.assert_array_equal(read_mask(tmp_path / "x.nii.gz", GRID).labels, LABELS)


def test_truncated_files_and_trailing_data(tmp_path):
    whole = by_simpleitk(tmp_path / "m.nii").read_bytes()
    (tmp_path / "cut.nii").write_bytes(whole[:-1])
    assert code_of(tmp_path / "cut.nii") == "MASK-TRUNCATED"
    (tmp_path / "cut.nii.gz").write_bytes(gzip.compress(whole)[:-9])
    assert code_of(tmp_path / "cut.nii.gz") == "IMAGE-CORRUPT"
    (tmp_path / "long.nii.gz").write_bytes(gzip.compress(whole + bytes(1 << 20)))
    assert code_of(tmp_path / "long.nii.gz") == "MASK-TOO-LONG"
    (tmp_path / "members.nii.gz").write_bytes(
        gzip.compress(whole[:400]) + gzip.compress(whole[400:])
    )
    np.testing.assert_array_equal(read_mask(tmp_path / "members.nii.gz", GRID).labels, LABELS)


def bombs(folder):
    """Headers that state gigabytes, over a few bytes; devices and pipes under names of masks."""
    nifti = nibabel.Nifti1Header()
    nifti.set_data_shape((2000, 2000, 1500))
    nifti.set_data_dtype(np.uint8)
    nifti["vox_offset"], nifti["magic"] = 352, b"n+1"
    (folder / "a.nii.gz").write_bytes(gzip.compress(nifti.binaryblock + bytes(1 << 20)))
    nifti.set_data_shape((1000, 1000, 1000))
    (folder / "b.nii.gz").write_bytes(gzip.compress(nifti.binaryblock + bytes(1 << 16)))
    nrrd = (
        "NRRD0004\ntype: uint8\ndimension: 3\nspace: left-posterior-superior\nsizes: 1500 2000 "
        "2000\n"
    )
    nrrd += "space directions: (1,0,0) (0,1,0) (0,0,1)\nencoding: {}\n{}\n"
    (folder / "c.nrrd").write_text(nrrd.format("gzip", ""))
    (folder / "d.nrrd").write_text(nrrd.format("raw", "data file: /dev/zero\n"))
    (folder / "e.nrrd").write_text(nrrd.format("raw", "data file: ../outside.raw\n"))
    meta = (
        "NDims = 3\nDimSize = {}\nElementType = MET_UCHAR\nCompressedData = "
        "True\nElementDataFile = {}\n"
    )
    (folder / "f.mha").write_text(meta.format("1500 2000 2000", "LOCAL"))
    (folder / "g.mhd").write_text(meta.format("8 7 6", "/dev/zero"))
    (folder / "h.mhd").write_text(meta.format("8 7 6", "LIST"))
    with (
        zipfile.ZipFile(folder / "i.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("masks.npy", "w") as member,
    ):
        np.lib.format.write_array_header_1_0(
            member, {"descr": "|u1", "fortran_order": False, "shape": (6, 7, 8)}
        )
        for _ in range(64):
            member.write(bytes(1 << 20))
    os.mkfifo(folder / "j.nii.gz")
    (folder / "k.dcm").symlink_to("/dev/zero")


BOMB_CODES = {
    "a.nii.gz": "MASK-TOO-LARGE",
    "b.nii.gz": "MASK-TRUNCATED",
    "c.nrrd": "MASK-TOO-LARGE",
    "d.nrrd": "MASK-DATA-ELSEWHERE",
    "e.nrrd": "MASK-DATA-ELSEWHERE",
    "f.mha": "MASK-TOO-LARGE",
    "g.mhd": "MASK-DATA-ELSEWHERE",
    "h.mhd": "IMAGE-CORRUPT",
    "i.npz": "MASK-TOO-LONG",
    "j.nii.gz": "MASK-NOT-A-FILE",
    "k.dcm": "MASK-NOT-A-FILE",
}


@pytest.mark.parametrize("name", BOMB_CODES)
def test_small_files_that_state_gigabytes(name, tmp_path):
    bombs(tmp_path)
    tracemalloc.start()
    code = code_of(tmp_path / name)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert code == BOMB_CODES[name] or (name == "h.mhd" and code == "MASK-DATA-ELSEWHERE")
    assert most < 100 << 20


@pytest.mark.parametrize("name", ["m.hdr", "m.img", "m.mgz", "m.tif", "m.nii.bz2", "m.npy", "m.h5"])
def test_formats_that_are_not_read_are_refused_by_name(name, tmp_path):
    (tmp_path / name).write_bytes(b"something")
    found = find_masks(tmp_path)
    assert list(found) == ["m"]
    assert code_of(found["m"].path) == "MASK-FORMAT"


def test_a_nifti_pair_is_one_mask_and_refused(tmp_path):
    nibabel.save(nibabel.Nifti1Pair(LABELS.T, RAS_AFFINE), tmp_path / "m.hdr")
    assert find_masks(tmp_path)["m"].more == ()
    assert code_of(tmp_path / "m.hdr") == "MASK-FORMAT"


def test_names_that_are_not_utf8(tmp_path):
    (tmp_path / os.fsdecode(b"Case_\xff.nii.gz")).write_bytes(b"nothing")
    (case,) = find_masks(tmp_path)
    assert case.encode("utf-8").decode("utf-8") == case
    assert code_of(find_masks(tmp_path)[case].path) == "IMAGE-CORRUPT"


@pytest.mark.parametrize("how", ["scl_slope 1/255", "1.9999999", "float64 scale", "int16 scale"])
def test_scaled_label_values(how, tmp_path):
    values = LABELS.T
    image = nibabel.Nifti1Image(values.astype(np.float32), RAS_AFFINE)
    expected = LABELS
    if how == "scl_slope 1/255":
        image = nibabel.Nifti1Image((values > 0).astype(np.uint8) * 255, RAS_AFFINE)
        image.header.set_slope_inter(np.float32(1 / 255), 0)
        expected = (LABELS > 0).astype(np.uint8)
    elif how == "1.9999999":
        image = nibabel.Nifti1Image(
            np.where(values == 2, 1.9999999, values).astype(np.float32), RAS_AFFINE
        )
    elif how == "int16 scale":
        image = nibabel.Nifti1Image(values.astype(np.int16) * 1000, RAS_AFFINE)
        image.header.set_slope_inter(0.001, 0)
    nibabel.save(image, tmp_path / "m.nii.gz")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.nii.gz", GRID).labels, expected)


def seg_nrrd(path, names, values, array=LABELS, layers=None, tags=None):
    """A `.seg.nrrd` as 3D Slicer writes it."""
    four = array.ndim == 4
    head = [
        "NRRD0004",
        "type: unsigned char",
        f"dimension: {array.ndim}",
        "space: left-posterior-superior",
    ]
    head.append("sizes: " + " ".join(map(str, array.shape[:0:-1] if four else array.shape[::-1])))
    if four:
        head[-1] = f"sizes: {array.shape[0]} " + " ".join(map(str, array.shape[:0:-1]))
    head.append(f"space directions: {'none ' if four else ''}(0.9,0,0) (0,0.7,0) (0,0,2.5)")
    head += [
        f"kinds: {'list ' if four else ''}domain domain domain",
        "encoding: gzip",
        "space origin: (-10,20,30)",
    ]
    for k, (name, value) in enumerate(zip(names, values, strict=True)):
        head += [f"Segment{k}_Name:={name}", f"Segment{k}_LabelValue:={value}"]
        head += [f"Segment{k}_Layer:={layers[k]}"] if layers else []
        head += [f"Segment{k}_Tags:={tags[k]}"] if tags else []
    voxels = np.moveaxis(array, 0, -1) if four else array
    path.write_bytes(
        "\n".join([*head, "", ""]).encode() + gzip.compress(np.ascontiguousarray(voxels).tobytes())
    )
    return path


def test_segments_of_slicer(tmp_path):
    path = tmp_path / "m.seg.nrrd"
    mask = read_mask(seg_nrrd(path, ["lungs", "trachea"], [1, 2]), GRID)
    assert not mask.sided
    np.testing.assert_array_equal(mask.labels, LABELS == 1)
    for names in (["left lung", "right lung"], ["left", "right"], ["Lung_L", "Lung_R"]):
        mask = read_mask(seg_nrrd(path, names, [1, 2]), GRID)
        np.testing.assert_array_equal(mask.labels, np.array([0, 2, 1])[LABELS])
    layers = np.stack([LABELS == 1, LABELS == 2]).astype(np.uint8)
    mask = read_mask(seg_nrrd(path, ["Lung_R", "Lung_L"], [1, 1], layers, [0, 1]), GRID)
    np.testing.assert_array_equal(mask.labels, LABELS)
    entry = (
        "TerminologyEntry:Category and type~SCT^123037004^Anatomical "
        "Structure~SCT^39607008^Lung~SCT^{}^{}~~^~|Other:x"
    )
    tags = [entry.format("24028007", "Right"), entry.format("7771000", "Left")]
    mask = read_mask(seg_nrrd(path, ["Segment_1", "Segment_2"], [1, 2], tags=tags), GRID)
    np.testing.assert_array_equal(mask.labels, LABELS)
    assert code_of(seg_nrrd(path, ["Segment_1", "Segment_2"], [1, 2])) == "NO-LUNG"
    assert code_of(seg_nrrd(path, ["Lung_R", "Lung~_L"], [1, 2])) == "LUNG-PARTIAL"


def volume_files(folder):
    volume = chest((12, 48, 48), spacing_mm=(8.0, 7.0, 7.0), seed=3)[0]
    image = sitk.GetImageFromArray(volume.hu)
    spacing = volume.grid.spacing_mm
    image.SetSpacing(spacing[::-1])
    image.SetOrigin([float(x) for x in volume.grid.affine[:3, 3]])
    for suffix in (".nii.gz", ".nrrd", ".mha", ".mhd"):
        sitk.WriteImage(image, str(folder / f"ct{suffix}"))
    return volume


def test_ct_volumes_are_the_same_in_every_format(tmp_path):
    volume = volume_files(tmp_path)
    assert len(find_volumes(tmp_path)) == 4
    for path in find_volumes(tmp_path).values():
        found = read_volume(path)
        np.testing.assert_array_equal(found.hu, volume.hu)
        np.testing.assert_allclose(found.grid.affine, volume.grid.affine, atol=1e-4)


def nifti(path, array, affine=RAS_AFFINE, codes=(1, 1), units=2, qform=None):
    image = nibabel.Nifti1Image(array, affine)
    image.set_sform(affine, codes[0])
    image.set_qform(affine if qform is None else qform, codes[1])
    image.header["xyzt_units"] = units
    nibabel.save(image, path)
    return path


def test_ct_that_is_refused(tmp_path):
    rng = np.random.default_rng(1)
    hu = rng.integers(-1000, 1000, (8, 7, 6)).astype(np.int16)
    mirrored = RAS_AFFINE * np.array([[-1], [1], [1], [1]])
    cases = {
        "IMAGE-DIMENSIONS": nifti(tmp_path / "a.nii.gz", np.stack([hu, hu], axis=-1)),
        "NIFTI-NO-ORIENTATION": nifti(tmp_path / "b.nii.gz", hu, codes=(0, 0)),
        "NIFTI-ORIENTATIONS-DISAGREE": nifti(tmp_path / "c.nii.gz", hu, qform=mirrored),
        "IMAGE-NOT-HU": nifti(tmp_path / "d.nii.gz", hu.astype(np.float32) * 1e4),
        "IMAGE-IS-LABELS": nifti(tmp_path / "e.nii.gz", LABELS.T),
        "IMAGE-SPACING": nifti(
            tmp_path / "f.nii.gz", hu, affine=np.diag([1, 1, 1, 1000]) @ RAS_AFFINE / 1000
        ),
        "IMAGE-TYPE": tmp_path / "g.nii.gz",
    }
    nibabel.save(nibabel.Nifti1Image(hu.astype(np.complex64), RAS_AFFINE), cases["IMAGE-TYPE"])
    for code, path in cases.items():
        with pytest.raises(InputRefused) as caught:
            read_volume(path)
        assert caught.value.code == code


def test_units_of_metres_are_read(tmp_path):
    hu = np.random.default_rng(1).integers(-1000, 1000, (8, 7, 6)).astype(np.int16)
    metres = np.diag([1e-3, 1e-3, 1e-3, 1]) @ RAS_AFFINE
    found = read_volume(nifti(tmp_path / "m.nii.gz", hu, affine=metres, units=1))
    np.testing.assert_allclose(found.grid.affine, GRID.affine, atol=1e-4)


def test_masks_for_python_callers(tmp_path):
    volume = Volume(np.zeros(GRID.shape, np.int16), GRID)
    image = sitk.GetImageFromArray(LABELS)
    image.SetSpacing((0.9, 0.7, 2.5))
    image.SetOrigin((-10.0, 20.0, 30.0))
    for like in (
        volume,
        GRID,
        LungMask(LABELS, GRID),
        image,
        nibabel.Nifti1Image(LABELS.T, RAS_AFFINE),
    ):
        pleura.write_mask(str(tmp_path / "m.nrrd"), LABELS, like=like)
        back = pleura.read_mask(str(tmp_path / "m.nrrd"), like=like)
        np.testing.assert_array_equal(back.labels, LABELS)
    np.testing.assert_array_equal(
        pleura.read_mask(tmp_path / "m.nrrd", mapping="right=2,left=1").labels,
        np.array([0, 2, 1])[LABELS],
    )
    with pytest.raises(GridMismatch):
        pleura.read_mask(tmp_path / "m.nrrd", like=Grid.axial((6, 7, 8), (2.5, 0.7, 0.9)))
    with pytest.raises(UsageError):
        pleura.write_mask(tmp_path / "m.nrrd", LABELS)
