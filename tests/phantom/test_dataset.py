"""The data set lies in the report's layout, and the same arguments write the same bytes."""

import hashlib

import numpy as np
import pydicom

from pleura.phantom.dataset import write_dataset


def digest(folder):
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return [
        (p.relative_to(folder).as_posix(), hashlib.sha256(p.read_bytes()).hexdigest())
        for p in files
    ]


def test_layout_masks_and_bytes(tmp_path):
    labelled = []
    names = write_dataset(
        tmp_path / "a",
        cases=2,
        shape=(10, 24, 24),
        label=lambda path, mask: labelled.append((path, mask)),
    )
    write_dataset(tmp_path / "b", cases=2, shape=(10, 24, 24))
    assert names == ["Case_000", "Case_001"]
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert [path.relative_to(tmp_path / "a").as_posix() for path, _ in labelled] == [
        f"Labels/{n}.nii.gz" for n in names
    ]
    for name, (_, mask) in zip(names, labelled, strict=True):
        files = [pydicom.dcmread(p) for p in (tmp_path / "a" / "Images" / name).iterdir()]
        files.sort(key=lambda d: d.ImagePositionPatient[2])
        masks = np.load(tmp_path / "a" / "Segmentations" / f"{name}_seg.npz")["masks"]
        assert masks.dtype == np.uint8
        assert np.array_equal(masks > 0, mask.lungs)
        assert masks.shape == (len(files), files[0].Rows, files[0].Columns)
        in_lung = np.concatenate(
            [f.pixel_array[m > 0] - 1024.0 for f, m in zip(files, masks, strict=True)]
        )
        assert np.median(in_lung) < -700  # so slices and masks are in one order
    people = {
        pydicom.dcmread(next((tmp_path / "a" / "Images" / n).iterdir())).PatientID for n in names
    }
    assert len(people) == 2


def test_goes_on_where_it_was_cut_off(tmp_path):
    write_dataset(tmp_path, cases=1, shape=(4, 16, 16))
    whole = digest(tmp_path)
    (tmp_path / "Segmentations" / "Case_000_seg.npz").unlink()
    write_dataset(tmp_path, cases=1, shape=(4, 16, 16))
    assert digest(tmp_path) == whole
