"""No value, name or comment of the input is in what verbs print and write; all stories run in
`bench/canaries.py`.
"""

import gzip
import io
import sys
import zipfile

import pytest
from testing.canaries import Canaries
from testing.canary_verbs import Trial, stories

KEYWORDS = ["Modality", "SeriesInstanceUID", "ImagePositionPatient", "SpecificCharacterSet", "Rows"]
CHEAP = (
    *("scan --json of broken input", "scan --paths", "measure seg"),
    *("prepare of broken input", "segment of broken input", "evaluate of broken masks"),
    *("load of image files", "segment of foreign input"),
)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks")


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    return Trial(tmp_path_factory.mktemp("canaries"), KEYWORDS)


@pytest.mark.filterwarnings("ignore")
def test_nothing_of_the_input_is_printed_or_written(trial):
    chosen = [story for story in stories() if story.name in CHEAP]
    assert len(chosen) == len(CHEAP)
    assert len(trial.told.places) > 2000
    for story in chosen:
        seen = trial.see(story)
        assert seen.exit_code in story.exits, story.name
        assert seen.leaks == {}, story.name


def test_a_canary_is_found_wherever_it_is_packed():
    told = Canaries()
    word, day = told.word("a name").encode(), told.value("DA", "a date").encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", gzip.compress(b"x" + word + b"y"))
    assert told.found(packed.getvalue()) == {"a name"}
    assert told.found(word.lower().decode().encode("utf-16-le")) == {"a name"}
    assert told.found(b"%s-%s-%s" % (day[:4], day[4:6], day[6:])) == {"a date"}
    assert told.found(b"kanari9999q 17990101") == set()


def test_each_half_of_a_date_and_time_is_found():
    told = Canaries()
    moment = told.value("DT", "a moment").encode()
    for leak in (moment, moment[:8], moment[8:], b"DA\x08\0" + moment[:8] + b"\x08\0"):
        assert told.found(leak) == {"a moment"}


def test_a_date_among_the_digits_of_a_uid_is_no_canary():
    told = Canaries()
    day = told.value("DA", "a date").encode()
    for uid in (b"2.25.31%s4159" % day, b"2.25.%s4159" % day, b"2.25.3141%s" % day):
        assert told.found(uid) == set()
