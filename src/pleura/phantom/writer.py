"""A phantom as a real DICOM CT series: every Type 1 and 2 attribute of the CT Image IOD (PS3.3
A.3), any common encoding.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pleura.core.errors import UsageError
from pleura.geometry.volume import Volume
from pleura.phantom.identity import Identity, file_name, uid

if TYPE_CHECKING:
    from pydicom import Dataset

D = TypeVar("D", bound="Dataset")
"""A data set, or the file meta information of one."""

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
SYNTAXES = {
    "implicit": "1.2.840.10008.1.2",
    "explicit": "1.2.840.10008.1.2.1",
    "deflated": "1.2.840.10008.1.2.1.99",
    "big endian": "1.2.840.10008.1.2.2",
    "jpeg lossless": "1.2.840.10008.1.2.4.70",
    "jpeg-ls": "1.2.840.10008.1.2.4.80",
    "jpeg 2000": "1.2.840.10008.1.2.4.90",
    "rle": "1.2.840.10008.1.2.5",
}
"""Transfer syntaxes that a series can be written in; all of them without loss."""


@dataclass(frozen=True)
class SeriesSpec:
    """How a volume is declared in DICOM. Positions and orientation come from the volume's grid
    alone.

    `seed` decides UIDs, file names and the invented person. Series of one `study` (default: the
    seed) share patient, study and frame of reference. `tags` are set last, by keyword, on every
    slice.
    """

    seed: int = 0
    study: int | None = None
    number: int = 1
    syntax: str = "explicit"
    slope: float = 1.0
    intercept: float = -1024.0
    signed: bool = False
    bits_stored: int = 16
    declare_padding: bool = True
    patient_position: str = "HFS"
    kernel: str = "STANDARD"
    identity: Identity | None = None
    tags: dict[str, Any] = field(default_factory=dict)


def write_series(folder: Path, volume: Volume, spec: SeriesSpec | None = None) -> list[Path]:
    """Write `volume` as one file per slice with random names into `folder` (created if it does not
    exist).

    Returns:
        The files, in slice order.

    Raises:
        UsageError: a value does not fit the stored bits, or the transfer syntax is none of
            `SYNTAXES`.
    """
    return write_files(folder, series(volume, spec or SeriesSpec()))


def write_files(folder: Path, datasets: Sequence["Dataset"]) -> list[Path]:
    """Write data sets of `series`, possibly changed, into `folder`; return the files in order."""
    from pydicom import dcmwrite

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, dataset in enumerate(datasets):
        path = folder / file_name(
            dataset.get("SeriesInstanceUID", ""), dataset.get("SOPInstanceUID", ""), number
        )
        dcmwrite(path, dataset, enforce_file_format=True)
        paths.append(path)
    return paths


def series(volume: Volume, spec: SeriesSpec | None = None) -> list["Dataset"]:
    """The data sets of a series, in slice order, with pixels encoded; nothing is written.

    Raises:
        UsageError: as `write_series`.
    """
    spec = spec or SeriesSpec()
    if spec.syntax not in SYNTAXES:
        raise UsageError(
            f"phantoms are not written as {spec.syntax!r}; choose one of {', '.join(SYNTAXES)}"
        )
    common = _common(volume, spec)
    return [_slice(volume, spec, common, k) for k in range(volume.grid.shape[0])]


def copied(dataset: D) -> D:
    """A data set whose attributes can be set without a change of the original, made in a tenth of
    the time of `deepcopy`; values that are sequences or several numbers are the same objects.
    """
    twin = type(dataset)({element.tag: copy(element) for element in dataset})
    if hasattr(dataset, "file_meta"):
        twin.file_meta = copied(dataset.file_meta)
    return twin


def _common(volume: Volume, spec: SeriesSpec) -> "Dataset":
    """The attributes that all slices share."""
    from pydicom import Dataset

    study = spec.seed if spec.study is None else spec.study
    affine = volume.grid.affine
    spacing = volume.grid.spacing_mm
    row_cosine, column_cosine = affine[:3, 2] / spacing[2], affine[:3, 1] / spacing[1]
    technical = {
        "SpecificCharacterSet": "ISO_IR 192",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "SOPClassUID": CT_IMAGE,
        "Modality": "CT",
        "Manufacturer": "Pleura Phantoms",
        "StudyDescription": "CT CHEST",
        "SeriesDescription": f"Synthetic chest {spec.number}",
        "ManufacturerModelName": "Synthetic",
        "BodyPartExamined": "CHEST",
        "SliceThickness": decimal(spacing[0]),
        "KVP": "120",
        "DataCollectionDiameter": "500",
        "SoftwareVersions": "1",
        "ReconstructionDiameter": decimal(spacing[2] * volume.grid.shape[2]),
        "GantryDetectorTilt": "0",
        "TableHeight": "150",
        "XRayTubeCurrent": "210",
        "ExposureTime": "600",
        "ConvolutionKernel": spec.kernel,
        "PatientPosition": spec.patient_position,
        "StudyInstanceUID": uid("study", study),
        "SeriesInstanceUID": uid("series", spec.seed, spec.number),
        "StudyID": str(study % 10_000),
        "SeriesNumber": str(spec.number),
        "AcquisitionNumber": "1",
        "FrameOfReferenceUID": uid("frame", study),
        "PositionReferenceIndicator": "",
        "ImageOrientationPatient": [decimal(c) for c in (*row_cosine, *column_cosine)],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": volume.grid.shape[1],
        "Columns": volume.grid.shape[2],
        "PixelSpacing": [decimal(spacing[1]), decimal(spacing[2])],
        "BitsAllocated": 16,
        "BitsStored": spec.bits_stored,
        "HighBit": spec.bits_stored - 1,
        "PixelRepresentation": int(spec.signed),
        "WindowCenter": "40",
        "WindowWidth": "400",
        "RescaleIntercept": decimal(spec.intercept),
        "RescaleSlope": decimal(spec.slope),
        "RescaleType": "HU",
    }
    identifying = _identifying(spec.identity or Identity.invented(study))
    dataset = Dataset()
    for keyword, value in (technical | identifying).items():
        setattr(dataset, keyword, value)
    return dataset


def _identifying(who: Identity) -> dict[str, Any]:
    """The attributes that identify the patient and the study, by keyword."""
    parts = ("Study", "Series", "Acquisition", "Content")
    dates = dict.fromkeys((f"{part}Date" for part in parts), who.study_date)
    times = dict.fromkeys((f"{part}Time" for part in parts), who.study_time)
    return {
        **dates,
        **times,
        "AccessionNumber": who.accession,
        "InstitutionName": who.institution,
        "InstitutionAddress": who.address,
        "ReferringPhysicianName": who.referrer,
        "StationName": who.station,
        "OperatorsName": who.operator,
        "PatientName": who.name,
        "PatientID": who.patient_id,
        "PatientBirthDate": who.birth_date,
        "PatientBirthTime": who.birth_time,
        "PatientSex": who.sex,
        "PatientAge": who.age,
    }


def _slice(volume: Volume, spec: SeriesSpec, common: "Dataset", k: int) -> "Dataset":
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    dataset = copied(common)
    corner = volume.grid.to_world([k, 0, 0])
    dataset.SOPInstanceUID = uid("instance", spec.seed, spec.number, k)
    dataset.InstanceNumber = str(k + 1)
    dataset.ImagePositionPatient = [decimal(c) for c in corner]
    dataset.SliceLocation = decimal(float(corner @ volume.grid.normal))
    if volume.padding is not None and spec.declare_padding:
        value = int(stored(volume.hu[volume.padding][:1], spec)[0])
        dataset.add_new(0x00280120, "SS" if spec.signed else "US", value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = UID(CT_IMAGE)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = UID(SYNTAXES[spec.syntax])
    encode(dataset, stored(volume.hu[k], spec))
    for keyword, value in spec.tags.items():
        setattr(dataset, keyword, value)
    return dataset


def stored(hu: NDArray[Any], spec: SeriesSpec) -> NDArray[Any]:
    """HU to stored values, int16 or uint16: (HU - intercept) / slope, rounded.

    Raises:
        UsageError: a value does not fit into `bits_stored`.
    """
    values = np.rint((hu.astype(np.float64) - spec.intercept) / spec.slope)
    low = -(2 ** (spec.bits_stored - 1)) if spec.signed else 0
    high = low + 2**spec.bits_stored - 1
    if values.size and (values.min() < low or values.max() > high):
        raise UsageError(
            f"stored values {values.min():.0f} to {values.max():.0f} do not fit "
            f"{spec.bits_stored} bits"
        )
    return values.astype(np.int16 if spec.signed else np.uint16)


def encode(dataset: "Dataset", values: NDArray[Any]) -> None:
    """Set PixelData to stored `values` `[row, column]`, in the syntax of the file meta."""
    import imagecodecs
    from pydicom.encaps import encapsulate
    from pydicom.uid import ExplicitVRLittleEndian, RLELossless

    syntax = {v: k for k, v in SYNTAXES.items()}[str(dataset.file_meta.TransferSyntaxUID)]
    values = np.ascontiguousarray(
        values, dtype=np.int16 if dataset.PixelRepresentation else np.uint16
    )
    unsigned = values.view(np.uint16)
    if dataset.BitsStored < 16:
        unsigned = unsigned & np.uint16(2**dataset.BitsStored - 1)
    if syntax in ("implicit", "explicit", "deflated", "big endian"):
        dataset.add_new(
            0x7FE00010, "OW", unsigned.astype(">u2" if syntax == "big endian" else "<u2").tobytes()
        )
        return
    if syntax == "rle":
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.add_new(0x7FE00010, "OW", unsigned.tobytes())
        dataset.compress(RLELossless, generate_instance_uid=False)
        return
    if syntax == "jpeg 2000":
        frame = imagecodecs.jpeg2k_encode(values, level=0, codecformat="j2k", reversible=True)
    elif syntax == "jpeg-ls":
        frame = imagecodecs.jpegls_encode(unsigned)
    else:
        frame = imagecodecs.ljpeg_encode(unsigned, bitspersample=16)
    dataset.add_new(0x7FE00010, "OB", encapsulate([bytes(frame)]))
    dataset["PixelData"].is_undefined_length = True


def decimal(value: float) -> str:
    """The nearest decimal string of at most 16 characters (PS3.5 6.2)."""
    if float(value) == 0:
        return "0"
    for digits in range(15, 0, -1):
        text = f"{float(value):.{digits}g}"
        if len(text) <= 16:
            return text
    return f"{float(value):.6g}"
