"""Invented people and places of synthetic series; UIDs and file names that a seed decides."""

import hashlib
from dataclasses import dataclass

import numpy as np

_FAMILY = (
    "Quillfeather",
    "Zubrowka",
    "Oakhampstead",
    "Vanterpool",
    "Drosselmeyer",
    "Kittiwake",
    "Umbermann",
    "Thistlewood",
)
_GIVEN = (
    "Ottoline",
    "Bartholomew",
    "Philippa",
    "Ignatius",
    "Rosalind",
    "Cornelius",
    "Wilhelmina",
    "Aurelio",
)
_HOSPITAL = (
    "Kestrel Bay Infirmary",
    "Saint Osyth General",
    "Marrowfield Hospital",
    "Lindenau Klinik",
)


@dataclass(frozen=True)
class Identity:
    """An invented patient and the staff around, as DICOM values. No such person exists."""

    name: str
    patient_id: str
    birth_date: str
    birth_time: str
    sex: str
    age: str
    accession: str
    referrer: str
    operator: str
    institution: str
    address: str
    station: str
    study_date: str
    study_time: str

    @classmethod
    def invented(cls, seed: int) -> "Identity":
        """The person of `seed`: always the same."""
        rng = np.random.default_rng([seed, 77])

        def one_of(words: tuple[str, ...]) -> str:
            return str(words[int(rng.integers(len(words)))])

        number = int(rng.integers(10_000_000, 99_999_999))
        year, scan_year = int(rng.integers(1931, 1989)), int(rng.integers(2009, 2021))
        month, day = int(rng.integers(1, 13)), int(rng.integers(1, 29))
        return cls(
            name=f"{one_of(_FAMILY)}^{one_of(_GIVEN)}",
            patient_id=f"MRN{number}",
            birth_date=f"{year}{month:02d}{day:02d}",
            birth_time=f"{int(rng.integers(24)):02d}{int(rng.integers(60)):02d}00",
            sex=one_of(("F", "M")),
            age=f"{scan_year - year:03d}Y",
            accession=f"ACC{number // 7}",
            referrer=f"{one_of(_FAMILY)}^{one_of(_GIVEN)}^^Dr",
            operator=f"{one_of(_FAMILY)}^{one_of(_GIVEN)}",
            institution=one_of(_HOSPITAL),
            address=f"{int(rng.integers(1, 200))} Heron Lane, Oldmarket",
            station=f"CTBAY{int(rng.integers(1, 9))}",
            study_date=f"{scan_year}{int(rng.integers(1, 13)):02d}{int(rng.integers(1, 29)):02d}",
            study_time="".join(
                f"{int(rng.integers(*ends)):02d}" for ends in ((7, 19), (0, 60), (0, 60))
            ),
        )


def uid(*words: object) -> str:
    """A UID of the form 2.25.<128 bits> (PS3.5 B.2), derived from `words`."""
    digest = hashlib.sha256("\0".join(str(word) for word in words).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def file_name(*words: object) -> str:
    """A file name that reveals neither order nor content, as of exports from archives."""
    return hashlib.sha256("\0".join(["file", *map(str, words)]).encode()).hexdigest()[:12] + ".dcm"
