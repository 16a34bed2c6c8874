"""The people of the hostile corpus. Nobody of these names and numbers is known to exist."""

from dataclasses import dataclass

from pleura.phantom.identity import Identity


@dataclass(frozen=True)
class Person:
    """A patient: what the headers say, the character set they say it in, and what must be found
    nowhere afterwards.
    """

    label: str
    charset: str
    identity: Identity
    secrets: tuple[str, ...]


def _identity(
    name,
    patient_id,
    birth,
    sex,
    study_date,
    hospital,
    address,
    station,
    accession,
    referrer="Zubrowka^Ignatius^^Dr",
):
    return Identity(
        name=name, patient_id=patient_id, birth_date=birth, birth_time="043100", sex=sex,
        age="066Y", accession=accession,
        referrer=referrer, operator="Vanterpool^Aurelio", institution=hospital, address=address,
        station=station,
        study_date=study_date, study_time="101531",
    )  # fmt: skip


_KESTREL = ("Kestrel Bay Infirmary", "17 Heron Lane, Oldmarket", "KBCT07")
_OSYTH = ("Saint Osyth General", "2 Priory Walk, Lindenau", "SOG-CT-2")
_STAFF = ("Zubrowka", "Vanterpool", "Aurelio", "Ignatius")

OTTOLINE = Person(
    "ottoline",
    "ISO_IR 192",
    _identity(
        "Quillfeather^Ottoline^Maud^Mrs",
        "MRN-4471-902",
        "19510312",
        "F",
        "20170904",
        *_KESTREL,
        "ACC8827163",
    ),
    (
        "Quillfeather",
        "Ottoline",
        "MRN-4471-902",
        "MRN4471902",
        "19510312",
        "12.03.1951",
        "ACC8827163",
        *_KESTREL,
        *_STAFF,
    ),
)
TAROU = Person(
    "tarou",
    "\\ISO 2022 IR 87",
    _identity(
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
        "H-77120-JP",
        "19620720",
        "M",
        "20180111",
        *_OSYTH,
        "ACC5512099",
    ),
    ("Yamada", "Tarou", "山田", "太郎", "やまだ", "H-77120-JP", "19620720", "ACC5512099", *_OSYTH),
)
XIAODONG = Person(
    "xiaodong",
    "GB18030",
    _identity(
        "Wang^XiaoDong=王^小东",
        "00451290",
        "19481130",
        "M",
        "20160615",
        *_OSYTH,
        "ACC6610771",
        "李^医生",
    ),
    ("XiaoDong", "小东", "00451290", "19481130", "ACC6610771", "医生", *_OSYTH),
)
GILDONG = Person(
    "gildong",
    "\\ISO 2022 IR 149",
    _identity(
        "Hong^Gildong=洪^吉洞=홍^길동",
        "KR-889-1",
        "19551005",
        "M",
        "20190222",
        *_KESTREL,
        "ACC7011882",
    ),
    ("Gildong", "吉洞", "길동", "KR-889-1", "19551005", "ACC7011882", *_KESTREL),
)
AENNE = Person(
    "aenne",
    "ISO_IR 100",
    _identity(
        "Müller-Drosselmeyer^Änne", "DE/2210/77", "19440229", "F", "20150302", *_OSYTH, "ACC1000345"
    ),
    ("Drosselmeyer", "Müller", "Änne", "DE/2210/77", "19440229", "ACC1000345", *_OSYTH),
)
ROSALIND = Person(
    "rosalind",
    "ISO_IR 100",
    _identity(
        "Oakhampstead^Rosalind", "SHARED-100", "19331224", "F", "20140707", *_KESTREL, "ACC2222017"
    ),
    ("Oakhampstead", "Rosalind", "SHARED-100", "19331224", "ACC2222017", *_KESTREL),
)
CORNELIUS = Person(
    "cornelius",
    "ISO_IR 100",
    _identity(
        "Umbermann^Cornelius", "SHARED-100", "19710418", "M", "20140709", *_OSYTH, "ACC3333018"
    ),
    ("Umbermann", "Cornelius", "SHARED-100", "19710418", "ACC3333018", *_OSYTH),
)
EVERYONE = (OTTOLINE, TAROU, XIAODONG, GILDONG, AENNE, ROSALIND, CORNELIUS)
