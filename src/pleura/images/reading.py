"""Which image files are read, by their suffix, and the one way to read any of them."""

from pathlib import Path

from pleura.core.codes import refused
from pleura.core.errors import UnreadableFile
from pleura.files.contents import stand_in
from pleura.images.bounded import open_regular
from pleura.images.image_file import ImageFile

MAPS = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
UNREAD = {
    ".hdr": "Analyze (or NIfTI in two files)",
    ".img": "Analyze (or NIfTI in two files)",
    ".img.gz": "Analyze (or NIfTI in two files)",
    ".mgz": "FreeSurfer",
    ".mgh": "FreeSurfer",
    ".mnc": "MINC",
    ".gipl": "GIPL",
    ".nii.bz2": "NIfTI with bzip2",
    ".nii.xz": "NIfTI with xz",
    ".nii.zst": "NIfTI with zstd",
    ".nrrd.gz": "gzipped NRRD",
    ".mha.gz": "gzipped MetaImage",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".npy": "NumPy",
    ".mat": "MATLAB",
    ".h5": "HDF5",
    ".hdf5": "HDF5",
    ".vtk": "VTK",
    ".vti": "VTK",
    ".stl": "surface",
}
"""Formats that are refused by name, so that none is passed over silently."""


UNREAD_VOLUMES = tuple(
    ".img .img.gz .mgz .mgh .mnc .gipl .nii.bz2 .nii.xz .nii.zst .nrrd.gz .mha.gz".split()
)
"""Those of `UNREAD` that hold a volume and hardly anything else."""


def map_suffix(path: Path) -> str:
    """The suffix of an image format that is read; empty where there is none."""
    return next((suffix for suffix in MAPS if path.name.lower().endswith(suffix)), "")


def unread_suffix(path: Path) -> str:
    """The suffix of an image format that is not read; empty where there is none."""
    return next(
        (suffix for suffix in sorted(UNREAD, key=len)[::-1] if path.name.lower().endswith(suffix)),
        "",
    )


def load_image(path: Path, *, oriented: bool = False) -> ImageFile:
    """Read the image file of any format with geometry.

    Args:
        path: ends in one of `MAPS`.
        oriented: refuse NIfTI whose header leaves the sides open.

    Raises:
        UnreadableFile: corrupt, larger than the limit, or not of three dimensions.
    """
    from pleura.images import metaimage, nifti, nrrd

    _check_content(path)
    suffix = map_suffix(path)
    if suffix in (".nii", ".nii.gz"):
        return nifti.load(path, oriented=oriented)
    if suffix in (".nrrd", ".nhdr"):
        return nrrd.load(path)
    if suffix in (".mha", ".mhd"):
        return metaimage.load(path)
    found = UNREAD.get(unread_suffix(path), "the file")
    raise refused("MASK-FORMAT", found=found, known=", ".join(MAPS))


def _check_content(path: Path) -> None:
    with open_regular(path) as file:
        found = stand_in(file.read(64))
    if found:
        raise refused("IMAGE-NOT-DOWNLOADED", UnreadableFile, found=found)


def check_oriented(path: Path) -> None:
    """Refuse image files whose header leaves open where their voxels lie in the patient.

    Args:
        path: a file, or a folder of files for each structure; other formats than NIfTI always say.

    Raises:
        UnreadableFile: `NIFTI-NO-ORIENTATION`, `NIFTI-ORIENTATIONS-DISAGREE`.
    """
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if map_suffix(file) in (".nii", ".nii.gz"):
            load_image(file, oriented=True)
