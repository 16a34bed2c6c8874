"""Map and key belong together, and neither is read where it cannot be one."""

import json
import os

import pytest

from pleura.core.errors import UsageError
from pleura.deid.key_and_map import check_key, open_key, read_map, write_map, write_secret
from pleura.deid.people import Person

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
PATIENTS = {"Deid_000": (Person("4711", "", "Roe^Jane", "19500101", "", ""),)}


def test_the_map_is_read_as_it_was_written(tmp_path):
    write_map(tmp_path / "map", PATIENTS, KEY)
    assert read_map(tmp_path / "map") == PATIENTS
    assert read_map(tmp_path / "none") == {}


def test_another_or_a_lost_key_is_refused(tmp_path):
    write_map(tmp_path / "map", PATIENTS, KEY)
    check_key(tmp_path / "map", tmp_path / "key", KEY)
    with pytest.raises(UsageError, match="not at the place given"):
        check_key(tmp_path / "map", tmp_path / "key", OTHER)  # a new one, since the file is gone
    write_secret(tmp_path / "key", OTHER.hex())
    with pytest.raises(UsageError, match="another key"):
        check_key(tmp_path / "map", tmp_path / "key", OTHER)


def test_a_map_keeps_its_key_through_a_run_without_one(tmp_path):
    write_map(tmp_path / "map", PATIENTS, KEY)
    write_map(tmp_path / "map", PATIENTS)  # profile report
    with pytest.raises(UsageError):
        check_key(tmp_path / "map", tmp_path / "key", OTHER)


def test_a_map_made_without_a_key_takes_any(tmp_path):
    write_map(tmp_path / "map", PATIENTS)
    check_key(tmp_path / "map", tmp_path / "key", OTHER)


def test_a_map_of_the_first_version_needs_its_key_file(tmp_path):
    write_map(tmp_path / "map", PATIENTS)
    record = json.loads((tmp_path / "map").read_text())
    del record["key"]
    (tmp_path / "map").write_text(json.dumps(record | {"format": "pleura-map/1"}))
    assert read_map(tmp_path / "map") == PATIENTS
    with pytest.raises(UsageError, match="earlier version"):
        check_key(tmp_path / "map", tmp_path / "key", KEY)
    write_secret(tmp_path / "key", KEY.hex())
    check_key(tmp_path / "map", tmp_path / "key", KEY)


@pytest.mark.skipif(os.name == "nt", reason="devices and pipes are Unix's")
@pytest.mark.parametrize("place", ["/dev/zero", "/dev/null", "/dev/urandom", "/", "pipe", "large"])
def test_only_a_small_regular_file_is_a_key_or_a_map(tmp_path, place):
    path = tmp_path / place
    if place == "pipe":
        os.mkfifo(path)
    if place == "large":
        with path.open("wb") as file:
            file.truncate(2 << 30)
    with pytest.raises(UsageError):
        open_key(path)
    with pytest.raises(UsageError):
        read_map(path)
