"""Runs of deidentify that meet: on one map, one OUT, one key, or on input that grew."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from io import BytesIO

import pydicom
import pytest

from pleura.core.errors import Exit, UsageError
from pleura.phantom.dataset import write_dataset
from pleura.verbs.deidentify import deidentify
from pleura.verbs.verify import verify


@pytest.fixture(scope="module")
def chests(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "chests"
    write_dataset(folder, cases=4, shape=(3, 16, 16), seed=5)
    return folder / "Images"


def some(chests, goal, *numbers):
    for number in numbers:
        name = f"Case_{number:03d}"
        # no case folder, so that pleura gives the numbers
        shutil.copytree(chests / name, goal / f"exam{number}")
    return goal


def visible(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.dcm")
    }


def test_two_runs_that_share_a_map_at_one_time_name_nobody_twice(chests, tmp_path):
    shared = tmp_path / "shared.map.json"
    sources = [some(chests, tmp_path / "a", 0, 1), some(chests, tmp_path / "b", 2, 3)]
    (tmp_path / "key").write_text(bytes(range(32)).hex())
    common = ["--map", str(shared), "--key", str(tmp_path / "key")]  # a map belongs to one key
    commands = [
        [
            sys.executable,
            "-m",
            "pleura",
            "deidentify",
            str(source),
            str(tmp_path / f"out{k}"),
            *common,
        ]
        for k, source in enumerate(sources)
    ]
    running = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for command in commands
    ]
    for process in running:
        _, lines = process.communicate()
        assert process.returncode == 0, lines.decode()
    patients = json.loads(shared.read_text())["patients"]
    assert len(patients) == 4
    cases = [
        {path.name for path in (tmp_path / f"out{k}").iterdir() if path.name.startswith("Deid")}
        for k in (0, 1)
    ]
    assert len(cases[0] | cases[1]) == 4


def test_a_new_patient_is_added_and_the_others_stay(chests, tmp_path):
    source = some(chests, tmp_path / "in", 0, 1)
    deidentify(source, tmp_path / "out")
    before = visible(tmp_path / "out")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.dcm")}
    some(chests, source, 2)
    result = deidentify(source, tmp_path / "out")
    after = visible(tmp_path / "out")
    assert result.files == 9
    assert before.items() < after.items()
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_what_was_damaged_is_written_again(chests, tmp_path):
    source = some(chests, tmp_path / "in", 0, 1)
    deidentify(source, tmp_path / "out")
    before = visible(tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "Deid_001")
    next((tmp_path / "out" / "Deid_000").rglob("*.dcm")).write_bytes(b"")
    deidentify(source, tmp_path / "out")
    assert visible(tmp_path / "out") == before


@pytest.mark.parametrize("role", ["key", "map", "audit"])
@pytest.mark.parametrize("place", ["in/exam0/x.dcm", "in/new", "out/inside", "out"])
def test_key_map_and_audit_never_land_on_input_or_output(chests, tmp_path, role, place):
    source = some(chests, tmp_path / "in", 0)
    (source / "exam0" / "x.dcm").write_bytes(b"mine")
    with pytest.raises(UsageError, match="must not lie inside"):
        deidentify(source, tmp_path / "out", **{role: tmp_path / place})
    assert (source / "exam0" / "x.dcm").read_bytes() == b"mine"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("one", "other"), [("key", "map"), ("map", "audit"), ("audit", "key")])
def test_key_map_and_audit_are_three_files(chests, tmp_path, one, other):
    source = some(chests, tmp_path / "in", 0)
    with pytest.raises(UsageError, match="different files"):
        deidentify(
            source, tmp_path / "out", **{one: tmp_path / "x", other: tmp_path / "sub" / ".." / "x"}
        )


def test_a_kill_before_the_key_was_written_is_no_dead_end(chests, tmp_path, monkeypatch):
    source = some(chests, tmp_path / "in", 0)

    def dies(*_):
        raise SystemExit(137)

    with monkeypatch.context() as patched:
        patched.setattr("pleura.publishing.batch.write_secret", dies)
        # a SIGKILL cleans nothing up
        patched.setattr("pleura.store.run_record._leave_nothing", lambda run: None)
        with pytest.raises(SystemExit):
            deidentify(source, tmp_path / "out")
    assert (tmp_path / "out" / "run.json").exists()
    assert not (tmp_path / "out.key").exists()
    assert deidentify(source, tmp_path / "out").files == 3


def test_a_part_of_the_map_with_names_does_not_stay(chests, tmp_path):
    source = some(chests, tmp_path / "in", 0)
    left = tmp_path / ".part-host-4711-abcdef01-out.map.json"
    left.write_text("Doe^Jane")
    deidentify(source, tmp_path / "out")
    assert not left.exists()


def test_a_killed_worker_refuses_the_file_that_kills_and_the_rest_is_written(
    chests, tmp_path, monkeypatch
):
    source = some(chests, tmp_path / "in", 0, 1)
    deidentify(source, tmp_path / "whole", key=tmp_path / "key", map=tmp_path / "map")
    monkeypatch.setattr("pleura.deid.batch.FEW", 1)
    monkeypatch.setattr("pleura.publishing.units.audit_of", fatal)
    result = deidentify(
        source, tmp_path / "out", key=tmp_path / "key", map=tmp_path / "map", workers=2
    )
    assert result.files == 5
    (refused,) = [refused for unit in result.units.values() for refused in unit["refused"]]
    assert (refused["code"], refused["files"]) == ("WORKER-LOST", 1)
    assert visible(tmp_path / "out").items() < visible(tmp_path / "whole").items()
    monkeypatch.undo()
    assert (
        deidentify(source, tmp_path / "out", key=tmp_path / "key", map=tmp_path / "map").files == 6
    )
    assert visible(tmp_path / "out") == visible(tmp_path / "whole")


def fatal(profile, uids, identifiers, source, written):
    """Stands in for the verification of a file, and ends the process for one of them."""
    if pydicom.dcmread(BytesIO(source)).InstanceNumber == 2 and b"Deid_001" in written:
        os.kill(os.getpid(), signal.SIGKILL)
    return ""


def test_a_map_of_another_or_a_lost_key_is_refused_before_any_work(chests, tmp_path):
    source = some(chests, tmp_path / "in", 0, 1)
    deidentify(source, tmp_path / "one", map=tmp_path / "map", dates="shift")
    for options in (
        {"map": tmp_path / "map"},
        {"map": tmp_path / "map", "key": tmp_path / "two.key"},
    ):
        with pytest.raises(UsageError, match="key"):
            deidentify(source, tmp_path / "two", dates="shift", **options)
        assert not (tmp_path / "two").exists()
        assert not (tmp_path / "two.key").exists()
    (tmp_path / "one.key").rename(tmp_path / "lost.key")
    with pytest.raises(UsageError, match="key"):
        deidentify(source, tmp_path / "one", map=tmp_path / "map", dates="shift", overwrite=True)
    assert visible(tmp_path / "one")


def test_archives_are_read_and_every_file_is_accounted_for(chests, tmp_path):
    source = some(chests, tmp_path / "in", 0)
    deidentify(source, tmp_path / "plain", key=tmp_path / "key", map=tmp_path / "map")
    packed = tmp_path / "packed"
    for form in ("zip", "gztar"):
        shutil.make_archive(str(packed / "export"), form, source)
    (packed / "note.txt").write_text("films")
    (packed / "broken.zip").write_bytes(b"PK\x03\x04" + bytes(60))
    result = deidentify(
        packed, tmp_path / "out", key=tmp_path / "key", map=tmp_path / "map", paths=True
    )
    accounting = result.as_json()["accounting"]
    assert accounting["files"] == accounting["used"] + sum(accounting["refused"].values()) + sum(
        accounting["other"].values()
    )
    assert accounting["used"] == 6  # the three slices of either archive
    assert sum(accounting["refused"].values()) == 1
    assert result.exit_code == 1
    assert any("broken.zip" in line for line in result.notes())
    assert {*visible(tmp_path / "plain").values()} == {*visible(tmp_path / "out").values()}
    report = verify(packed, tmp_path / "out", key=tmp_path / "key").report
    assert report.counts() == {"INPUT-UNREAD": 1}
    page = (tmp_path / "out.verification.html").read_text()
    assert report.input.digest in page
    assert (
        json.loads((tmp_path / "out.certificate.json").read_text())["counts"]
        == accounting["refused"]
    )


def sha256_of(texts):
    return hashlib.sha256("".join(sorted(texts)).encode()).hexdigest()


def test_the_certificate_digests_content_that_names_sizes_and_times_do_not_show(chests, tmp_path):
    source = some(chests, tmp_path / "in", 0, 1)
    one = min(source.rglob("*.dcm"))
    times = one.stat().st_atime_ns, one.stat().st_mtime_ns
    key, seen = tmp_path / "key", []
    for name in ("a", "b", "c"):
        if name == "c":  # the same name, size and times
            data = bytearray(one.read_bytes())
            data[-1] ^= 1
            one.write_bytes(data)
            os.utime(one, ns=times)
        result = deidentify(source, tmp_path / name, key=key, map=tmp_path / "map")
        assert result.files == 6
        seen.append(json.loads((tmp_path / f"{name}.certificate.json").read_text())["input"])
    digests = [one["sha256_of_content_published"] for one in seen]
    assert seen[0]["sha256_of_names_sizes_and_times"] == seen[2]["sha256_of_names_sizes_and_times"]
    assert digests[0] == digests[1] != digests[2]
    folders = [sorted(source.glob(f"exam{number}/**/*.dcm")) for number in (0, 1)]
    wanted = [
        sha256_of(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths)
        for paths in folders
    ]
    assert digests[2] == sha256_of(wanted)


@pytest.mark.parametrize("retain", [(), ("uids",)])
def test_a_referenced_patient_stays_with_uids_only(chests, tmp_path, retain):
    """PS3.15 Table E.1-1: X, and K with Retain UIDs; the audit knows both."""
    source = some(chests, tmp_path / "in", 0)
    for path in source.rglob("*.dcm"):
        one = pydicom.dcmread(path)
        item = pydicom.Dataset()
        item.ReferencedSOPClassUID = "1.2.840.10008.3.1.2.1.1"
        item.ReferencedSOPInstanceUID = "1.2.3.4.5"
        one.ReferencedPatientSequence = [item]
        one.save_as(path)
    out = tmp_path / "out"
    result = deidentify(source, out, retain=retain)
    assert (result.files, result.refused) == (3, 0)
    assert verify(source, out).report.clean
    kept = [
        path for path in out.rglob("*.dcm") if "ReferencedPatientSequence" in pydicom.dcmread(path)
    ]
    assert len(kept) == (3 if retain else 0)
    for path in kept:  # not declared any more
        one = pydicom.dcmread(path)
        codes = one.DeidentificationMethodCodeSequence
        one.DeidentificationMethodCodeSequence = [c for c in codes if c.CodeValue != "113110"]
        one.save_as(path)
    assert ("FORBIDDEN-LEFT" in verify(source, out).report.counts()) == bool(kept)


@pytest.mark.parametrize("dates", ["remove", "shift"])
def test_what_pleura_wrote_can_be_deidentified_again(chests, tmp_path, dates):
    """The ids of the first run are those of the second: Deid_000 is nobody's identity."""
    deidentify(some(chests, tmp_path / "in", 0, 1), tmp_path / "one", dates="shift")
    result = deidentify(tmp_path / "one", tmp_path / "two", dates=dates)
    assert result.exit_code is Exit.OK
    assert len(visible(tmp_path / "two")) == len(visible(tmp_path / "in"))
    assert verify(tmp_path / "one", tmp_path / "two").exit_code is Exit.OK


@pytest.mark.parametrize("option", ["map", "key", "audit", "certificate"])
@pytest.mark.parametrize("place", ["another OUT", "below another OUT", "DICOM", "NIfTI", "medium"])
def test_no_file_beside_out_lies_in_another_folder_of_data(chests, tmp_path, option, place):
    """It would be given away with that folder, or be taken for data of it."""
    other = tmp_path / "other"
    if "OUT" in place:
        deidentify(chests, other)
        other = other / "below" if "below" in place else other
        other.mkdir(exist_ok=True)
    else:
        other.mkdir()
        (first, *_) = sorted(chests.rglob("*.dcm"))
        names = {"DICOM": "I0001", "NIfTI": "mask.nii.gz", "medium": "DICOMDIR"}
        (other / names[place]).write_bytes(first.read_bytes())
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=f"^--{option} lies "):
        deidentify(chests, tmp_path / "out", **{option: other / "secret"})
    assert sorted(tmp_path.rglob("*")) == before
    if option == "certificate" and place != "below another OUT":
        with pytest.raises(UsageError, match=r"^--certificate lies "):
            verify(chests, chests.parent, certificate=other / "secret")


def test_a_folder_of_keys_and_maps_is_no_folder_of_data(chests, tmp_path):
    keys = tmp_path / "keys"
    for name in ("one", "two"):
        deidentify(chests, tmp_path / name, map=keys / f"{name}.map.json", key=keys / "key")
    assert (keys / "two.map.json").is_file()


@pytest.mark.parametrize("folder", ["keys", ".pleura", "."])
def test_files_that_only_look_like_those_of_an_output_do_not_refuse_a_map(chests, tmp_path, folder):
    """A home with its own run.json, and with keys in ~/.pleura."""
    (tmp_path / "run.json").write_text('{"script": "train.py", "verb": "run"}')
    (tmp_path / ".pleura").mkdir()
    place = tmp_path / folder / "map.json"
    deidentify(chests, tmp_path.parent / f"out of {tmp_path.name}", map=place)
    assert place.is_file()
