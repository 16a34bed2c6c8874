"""IN and OUT in an object store: the bytes of a run on folders, through errors and kills."""

import inspect
import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import get_type_hints

import pytest
from testing.object_store import BUCKET, ENVIRONMENT, at
from testing.toy_batch import toy

from pleura.cli.commands import VERBS
from pleura.core.errors import Exit, OutputBusy, OutputFailed, UsageError
from pleura.store import object_claims
from pleura.store.object_claims import ObjectClaims, case_claim
from pleura.store.object_store import Objects
from pleura.verbs.deidentify import deidentify
from pleura.verbs.evaluate import evaluate
from pleura.verbs.measure import measure
from pleura.verbs.phantom import phantom
from pleura.verbs.prepare import prepare
from pleura.verbs.run import run
from pleura.verbs.segment import segment
from pleura.verbs.status import status
from pleura.verbs.train import train

pytestmark = pytest.mark.usefixtures("figures_rendered")

CASES = 5


@pytest.fixture
def given(store, tmp_path):
    """A store with the cases of the toy verb; some have names that are special elsewhere."""
    source = tmp_path / "in"
    source.mkdir()
    for number in range(CASES):
        (source / f"case [{number}] a+b%20").write_text(str(number))
    store.upload(source, "in")
    return store


@pytest.fixture
def plain(given, tmp_path):
    """What a run on folders writes."""
    toy(tmp_path / "in", tmp_path / "plain")
    return in_folder(tmp_path / "plain")


def in_folder(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return results({path.relative_to(folder).as_posix(): path.read_bytes() for path in files})


def results(content):
    return {name: body for name, body in content.items() if not name.startswith(".pleura")}


def test_a_run_writes_the_bytes_of_a_run_on_folders_through_errors(given, plain, tmp_path):
    given.faults = 0.1
    result = toy(at("in"), at("out"))
    given.faults = 0.0
    assert given.failed > 0
    assert result.exit_code == 0
    assert f"{result.out / 'all.json'}" == f"s3://{BUCKET}/out/all.json"
    content = given.content("out")
    assert results(content) == plain
    assert given.written("out")[-1] == "run.json"
    assert not any(name.startswith(".pleura/beats") for name in content)
    assert ENVIRONMENT["AWS_SECRET_ACCESS_KEY"].encode() not in b"".join(content.values())
    assert not list((tmp_path / "scratch").iterdir())

    given.requests.clear()
    assert toy(at("in"), at("out")).exit_code == 0
    assert not [name for name in given.written("out") if not name.startswith(".pleura/")]


def test_a_job_array_writes_nothing_twice_and_takes_only_its_own_input(given, plain):
    plan = toy(at("in"), at("out"), plan=True, tasks=2)
    assert (plan.cases, plan.left, plan.tasks) == (5, 5, 2)
    assert f"pleura toy s3://{BUCKET}/in s3://{BUCKET}/out" in plan.slurm
    assert "volumes" not in plan.kubernetes["spec"]["template"]["spec"]
    assert not any(b"pleura-scratch" in body for body in given.content("out").values())
    given.requests.clear()
    for number, cases in ((0, 3), (1, 5), (0, 5)):  # one of them twice
        share = toy(at("in"), at("out"), task=f"{number}/2").as_json()
        own = 3 - number
        assert share == {"share": own, "done": own, "failed": {}, "elsewhere": []}
        read = {path for method, path in given.requests if method == "GET" and "/in/" in path}
        assert len(read) == cases
    assert toy(at("in"), at("out")).exit_code == 0
    content = given.content("out")
    assert results(content) == plain
    written = [name for name in given.written("out") if not name.startswith(".pleura/")]
    assert len(written) == len(set(written))
    left = [name for name in content if name.startswith((".pleura/claims", ".pleura/jobs", "jobs"))]
    assert left == []


def test_the_case_of_a_living_process_is_left_alone_and_of_an_ended_one_done(
    given, plain, monkeypatch
):
    monkeypatch.setattr(object_claims, "LOOK_S", 0.05)
    monkeypatch.setattr("pleura.store.claims.BEAT_S", 0.1)
    toy(at("in"), at("out"), plan=True, tasks=1)
    case = json.loads(given.content("out")["jobs.json"])["cases"][1][0]
    with ObjectClaims(Objects(f"{BUCKET}/out")).beating() as living:
        assert living.take(case_claim(case)) == "taken"
        assert toy(at("in"), at("out"), task="0/1").as_json()["elsewhere"] == [case]
        with pytest.raises(OutputBusy, match="being done by tasks"):
            toy(at("in"), at("out"))
    assert toy(at("in"), at("out"), task="0/1").as_json()["elsewhere"] == []
    toy(at("in"), at("out"))
    assert results(given.content("out")) == plain


def test_a_silent_claim_is_dead_after_a_lease_and_one_process_takes_it(given, monkeypatch):
    monkeypatch.setattr("pleura.store.claims.LEASE_S", 0.2)
    monkeypatch.setattr(object_claims, "process_of_this", lambda: {"machine": "another"})
    objects = Objects(f"{BUCKET}/out")
    first, second, third = ObjectClaims(objects), ObjectClaims(objects), ObjectClaims(objects)
    first._beat(0)  # once, and never again
    assert first.take("name") == "taken"
    assert second.take("name") == "unknown"
    with second.beating(), third.beating():
        assert not second.is_alive("name")
        assert second.take("name") == "taken"
        assert third.take("name") == "unknown"
        second.remove_older("name")
        assert list(objects.list("name.")) == ["name.2"]
        with pytest.raises(OutputFailed, match="out of reach"):
            first.check("name")
        first._beat(1)
        assert not first.check("name")


def test_of_many_that_ask_at_once_one_process_has_a_claim(store):
    objects = Objects(f"{BUCKET}/out")
    store.faults = 0.1
    with ThreadPoolExecutor(6) as pool:
        created = list(pool.map(lambda number: objects.create("a", b"%d" % number), range(6)))
    store.faults = 0.0
    assert created.count(True) == 1
    assert objects.read("a") == b"%d" % created.index(True)


KILLED = """
import os, signal, sys

def watch(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        with open(os.environ["CONNECTED"], "a") as file:
            file.write(f"{arguments[1][0]}:{arguments[1][1]}\\n")

sys.addaudithook(watch)
from pathlib import Path
from pleura.store import mirror
from testing.toy_batch import toy

count = 0
put = mirror.Objects.put
def put_and_end(self, files):
    global count
    put(self, files)
    count += len(files) > 0
    if count == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
mirror.Objects.put = put_and_end
toy(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a kill by signal")
@pytest.mark.parametrize("moment", [1, 4])
def test_killed_between_two_uploads_the_next_run_finishes(moment, given, plain, tmp_path):
    words = [sys.executable, "-c", KILLED, f"s3://{BUCKET}/in", f"s3://{BUCKET}/out"]
    more = {"TMPDIR": str(tmp_path / "scratch"), "CONNECTED": str(tmp_path / "connected")}
    more |= {"PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([*words, str(moment)], env=os.environ | more, check=False)
    assert ended.returncode == -signal.SIGKILL
    connected = set((tmp_path / "connected").read_text().split())
    assert connected == {given.url.removeprefix("http://")}  # and nothing else
    assert list((tmp_path / "scratch").iterdir())  # and the next run removes it
    toy(at("in"), at("out"))
    assert results(given.content("out")) == plain
    assert not list((tmp_path / "scratch").iterdir())


def test_killed_while_it_does_a_case_again_the_next_run_finishes(given, plain, tmp_path):
    toy(at("in"), at("out"))
    client = given.client
    client.put_object(Bucket=BUCKET, Key="in/case [1] a+b%20", Body=b"7")
    words = [sys.executable, "-c", KILLED, f"s3://{BUCKET}/in", f"s3://{BUCKET}/out"]
    more = {"TMPDIR": str(tmp_path / "scratch"), "CONNECTED": str(tmp_path / "connected")}
    more |= {"PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([*words, "1"], env=os.environ | more, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert json.loads(given.content("out")["run.json"])["state"] == "running"
    client.put_object(Bucket=BUCKET, Key="in/case [1] a+b%20", Body=b"1")
    client.close()
    toy(at("in"), at("out"))
    assert results(given.content("out")) == plain


@pytest.mark.parametrize(
    ("source", "out", "said"),
    [
        (f"s3://key:secret@{BUCKET}/in", f"s3://{BUCKET}/out", "contains credentials"),
        (f"s3://{BUCKET}/in", f"s3://{BUCKET}/in/out", "inside each other"),
        (f"s3://{BUCKET}/none", f"s3://{BUCKET}/out", "does not exist"),
        ("s3://no-such-bucket/in", f"s3://{BUCKET}/out", "no such bucket"),
        (f"s3://{BUCKET}", f"s3://{BUCKET}/out", "s3://BUCKET/PREFIX"),
    ],
)
def test_what_is_refused_before_any_work(source, out, said, given):
    with pytest.raises(UsageError, match=said) as caught:
        toy(Path(source), Path(out))
    assert "secret" not in str(caught.value)
    assert given.content("out") == {}


def test_names_that_cannot_be_files_are_refused(given):
    client = given.client
    client.put_object(Bucket=BUCKET, Key="in/../../x", Body=b"1")
    client.close()
    with pytest.raises(UsageError, match="1 objects have names"):
        toy(at("in"), at("out"))


def test_verbs_write_the_bytes_of_runs_on_folders(store, tmp_path):
    chests, out = tmp_path / "chests", tmp_path / "out"
    phantom(chests, cases=2, size=48, slices=16)
    store.upload(chests, "chests")
    segment(chests / "Images", out / "lungs", model=Path("classical"))
    segment(at("chests/Images"), at("lungs"), model=Path("classical"))
    measure(chests / "Images", chests / "Labels", out / "measured")
    measure(at("chests/Images"), at("chests/Labels"), at("measured"))
    prepare(chests, out / "cohort")
    prepare(at("chests"), at("cohort"), plan=True, tasks=1)
    assert prepare(at("chests"), at("cohort"), task="0/1").exit_code is Exit.OK
    prepare(at("chests"), at("cohort"))
    for name in ("lungs", "measured", "cohort"):
        assert results(store.content(name)) == in_folder(out / name)

    alone = tmp_path / "Labels"  # in a store the CT beside the masks is not looked for
    shutil.copytree(chests / "Labels", alone)
    evaluate(alone, alone, out / "here")
    evaluate(at("chests/Labels"), at("chests/Labels"), out / "there")
    assert in_folder(out / "there").keys() == in_folder(out / "here").keys()
    assert (out / "there/scores.csv").read_text() == (out / "here/scores.csv").read_text()
    with pytest.raises(UsageError, match="folder"):
        evaluate(alone, alone, at("out"))


def test_status_counts_what_a_run_on_folders_would_show(given, monkeypatch):
    monkeypatch.setattr(object_claims, "LOOK_S", 0.05)
    client = given.client
    client.put_object(Bucket=BUCKET, Key="in/case [1] a+b%20", Body=b"refuse")
    client.close()
    toy(at("in"), at("out"), plan=True, tasks=2)
    planned = status(at("out")).as_json()
    assert (planned["state"], planned["cases"], planned["left"]) == ("planned", 5, 5)
    case = json.loads(given.content("out")["jobs.json"])["cases"][4][0]
    before = set(given.content("out"))
    with ObjectClaims(Objects(f"{BUCKET}/out")).beating() as living:
        assert living.take(case_claim(case)) == "taken"
        assert toy(at("in"), at("out"), task="0/2").exit_code == 0
        assert toy(at("in"), at("out"), task="1/2").exit_code is Exit.SOME_FAILED
        given.requests.clear()
        found = status(at("out"))
        asked = {method for method, path in given.requests if "/beats/" not in path}
        assert asked <= {"GET", "HEAD"}
    counts = {name: found.as_json()[name] for name in ("done", "failed", "running", "left")}
    assert counts == {"done": 3, "failed": 1, "running": 1, "left": 0}
    assert [one["code"] for one in found.as_json()["failures"]] == ["TOO-FEW-SLICES"]
    assert found.exit_code is Exit.SOME_FAILED
    assert before < set(given.content("out"))
    assert status(at("out")).standing.left == 1  # the beat is gone
    toy(at("in"), at("out"))
    assert status(at("out")).standing.state == "done"
    with pytest.raises(UsageError, match="not a folder that pleura writes cases to"):
        status(at("elsewhere"))


def test_deidentify_takes_its_input_from_a_store(store, tmp_path):
    chests, here, there = (tmp_path / name for name in ("chests", "here", "there"))
    phantom(chests, cases=2, size=32, slices=8)
    store.upload(chests / "Images", "chests")
    deidentify(chests / "Images", here / "out")
    there.mkdir()
    shutil.copy(here / "out.key", there)
    assert deidentify(at("chests"), there / "out").exit_code is Exit.OK
    assert deidentify(at("chests"), there / "out").exit_code is Exit.OK
    assert objects_in(there / "out") == objects_in(here / "out") != {}
    assert not list((tmp_path / "scratch").iterdir())
    for place in ("key", "map", "audit", "certificate"):
        with pytest.raises(UsageError, match="does not read or write object stores"):
            deidentify(at("chests"), tmp_path / "more", **{place: at("more")})
    with pytest.raises(UsageError, match="as one command"):
        deidentify(at("chests"), tmp_path / "more", plan=True)
    assert not (tmp_path / "more").exists()


def test_deidentify_writes_to_a_store_and_keeps_key_and_map_on_this_machine(store, tmp_path):
    chests, here, private = (tmp_path / name for name in ("chests", "here", "private"))
    phantom(chests, cases=2, size=32, slices=8)
    deidentify(chests / "Images", here / "out")
    private.mkdir()
    shutil.copy(here / "out.key", private)
    with pytest.raises(UsageError, match="name the map on this machine with --map"):
        deidentify(chests / "Images", at("out"))
    with pytest.raises(UsageError, match="not a regular file"):
        deidentify(chests / "Images", at("out"), map=private)
    planned = deidentify(chests / "Images", at("out"), map=private / "who.json", dry_run=True)
    assert planned.files == 16
    assert store.content("") == {}

    given = {"map": private / "who.json"}
    result = deidentify(chests / "Images", at("out"), **given)
    assert result.exit_code is Exit.OK
    assert f"written to s3://{BUCKET}/out" in result.notes()
    assert not [line for line in result.notes() if "scratch" in line]
    assert store.written("out")[-1] == "run.json"
    assert store.content("").keys() == {f"out/{name}" for name in store.content("out")}
    assert results(store.content("out")) == in_folder(here / "out")
    beside = {f"out.{end}" for end in ("key", "audit.json", "certificate.html", "certificate.json")}
    assert {path.name for path in private.glob("[!.]*")} == beside | {"who.json"}
    secret = (private / "out.key").read_bytes().strip()
    assert secret not in b"".join(store.content("").values())

    store.requests.clear()
    assert deidentify(chests / "Images", at("out"), **given).files == 16
    assert not [name for name in store.written("out") if not name.startswith(".pleura/")]
    (private / "who.json").unlink()
    noted = deidentify(chests / "Images", at("out"), **given).notes()
    assert f"re-identification map: not at {private / 'who.json'} any more" in " ".join(noted)
    with pytest.raises(UsageError, match="as one command"):
        deidentify(chests / "Images", at("out"), plan=True, **given)


def test_train_reads_and_writes_a_store(store, tmp_path):
    chests, cohort = tmp_path / "chests", tmp_path / "cohort"
    phantom(chests, cases=3, size=32, slices=8)
    prepare(chests, cohort)
    store.upload(cohort, "cohort")
    quick = {"steps": 1, "size": 16, "device": "cpu"}
    train(cohort, tmp_path / "models", **quick)
    trained = train(at("cohort"), at("models"), **quick)
    assert f"s3://{BUCKET}/models/" in trained.notes()[0]
    assert store.written("models")[-1] == "run.json"
    here, there = in_folder(tmp_path / "models"), results(store.content("models"))
    assert here.keys() == there.keys()
    name = "bce_dice/model.onnx"
    assert here[name] == there[name]
    store.requests.clear()
    assert train(at("cohort"), at("models"), **quick).models == trained.models
    assert not [name for name in store.written("models") if not name.startswith(".pleura/")]

    assert not list((tmp_path / "scratch").glob("pleura-*"))


def test_run_takes_its_input_from_a_store(store, tmp_path):
    chests = tmp_path / "chests"
    phantom(chests, cases=1, size=48, slices=16)
    store.upload(chests / "Images", "chests")
    assert run(at("chests"), tmp_path / "all").exit_code is Exit.OK
    assert (tmp_path / "all/report.html").exists()
    assert store.content("").keys() == {f"chests/{name}" for name in store.content("chests")}
    begun = (tmp_path / "all/run.json").stat().st_mtime_ns
    assert run(at("chests"), tmp_path / "all").exit_code is Exit.OK
    assert (tmp_path / "all/run.json").stat().st_mtime_ns == begun
    with pytest.raises(UsageError, match="does not read or write object stores"):
        run(at("chests"), at("all"))
    assert not list((tmp_path / "scratch").glob("pleura-*"))


def objects_in(out):
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*.dcm")}


WITH_STORES = "segment measure prepare evaluate deidentify train run".split()
FOLDERS_ONLY = sorted({*VERBS} - {*WITH_STORES})


@pytest.mark.parametrize("name", [*FOLDERS_ONLY, "load"])
def test_every_other_verb_says_that_it_needs_folders(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    verb = getattr(import_module(f"pleura.verbs.{name}"), name)
    hints = get_type_hints(verb)
    paths = [one for one, hint in hints.items() if "Path" in str(hint) and one != "return"]
    needed = [
        one.name
        for one in inspect.signature(verb).parameters.values()
        if one.default is inspect.Parameter.empty
    ]
    for remote in {*paths} - ({"out"} if name == "status" else set()):
        given = dict.fromkeys(needed, Path("here")) | {remote: at("x")}
        with pytest.raises(UsageError, match="copy the objects to a folder"):
            verb(**given)
    assert not list(tmp_path.iterdir())
