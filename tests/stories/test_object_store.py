"""IN and OUT in an object store: the bytes of a run on folders, through errors and kills."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from testing.object_store import BUCKET, ENVIRONMENT, serving

from pleura.core.errors import Exit, OutputBusy, UsageError
from pleura.store import object_claims
from pleura.verbs.evaluate import evaluate
from pleura.verbs.measure import measure
from pleura.verbs.phantom import phantom
from pleura.verbs.prepare import prepare
from pleura.verbs.segment import segment

CLASSICAL = Path("classical")


def at(prefix):
    return Path(f"s3://{BUCKET}/{prefix}")


@pytest.fixture(scope="module")
def chests(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "chests"
    phantom(folder, cases=3, size=48, slices=16)
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory, chests):
    out = tmp_path_factory.mktemp("plain") / "out"
    segment(chests / "Images", out, model=CLASSICAL)
    return results({p.relative_to(out).as_posix(): p.read_bytes() for p in files(out)})


@pytest.fixture
def store(monkeypatch, tmp_path):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    with serving() as served:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", served.url)
        yield served


@pytest.fixture
def given(store, chests):
    store.upload(chests / "Images", "in/Images")
    return store


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def results(content):
    return {name: body for name, body in content.items() if not name.startswith(".pleura")}


def test_a_run_writes_the_bytes_of_a_run_on_folders_through_errors(given, plain, tmp_path):
    given.faults = 0.05
    result = segment(at("in/Images"), at("out"), model=CLASSICAL)
    given.faults = 0.0
    assert given.failed > 0
    assert result.exit_code is Exit.OK
    assert result.notes()[-1].endswith(f"see s3://{BUCKET}/out/index.html")
    content = given.content("out")
    assert results(content) == plain
    assert given.written("out")[-1] == "run.json"
    assert not any(name.startswith(".pleura/beats") for name in content)
    assert ENVIRONMENT["AWS_SECRET_ACCESS_KEY"].encode() not in b"".join(content.values())
    assert not files(tmp_path / "scratch")

    given.requests.clear()
    assert segment(at("in/Images"), at("out"), model=CLASSICAL).exit_code is Exit.OK
    assert not [name for name in given.written("out") if not name.startswith(".pleura/")]


def test_a_job_array_writes_nothing_twice_and_takes_only_its_own_input(given, plain):
    plan = segment(at("in/Images"), at("out"), model=CLASSICAL, plan=True, tasks=2)
    assert (plan.cases, plan.left, plan.tasks) == (3, 3, 2)
    assert f"pleura segment s3://{BUCKET}/in/Images s3://{BUCKET}/out" in plan.slurm
    assert "volumes" not in plan.kubernetes["spec"]["template"]["spec"]
    assert not any(b"pleura-scratch" in body for body in given.content("out").values())
    given.requests.clear()
    for number, cases in ((0, 2), (1, 3), (0, 3)):  # one of them twice
        share = segment(at("in/Images"), at("out"), model=CLASSICAL, task=f"{number}/2")
        assert share.as_json() == {
            "share": 2 - number,
            "done": 2 - number,
            "failed": {},
            "elsewhere": [],
        }
        read = {path for method, path in given.requests if method == "GET" and "/in/" in path}
        assert len({path.split("/")[4] for path in read}) == cases
    assert segment(at("in/Images"), at("out"), model=CLASSICAL).exit_code is Exit.OK
    content = given.content("out")
    assert results(content) == plain
    written = [name for name in given.written("out") if not name.startswith(".pleura/")]
    assert len(written) == len(set(written))
    left = [name for name in content if name.startswith((".pleura/claims", ".pleura/jobs", "jobs"))]
    assert left == []


@pytest.mark.parametrize("verb", ["measure", "prepare"])
def test_other_verbs_write_the_bytes_of_a_job_array_on_folders(verb, store, chests, tmp_path):
    store.upload(chests, "in")
    out, there = tmp_path / "out", at("out")

    def call(above, goal, **how):
        if verb == "measure":
            return measure(above / "Images", above / "Labels", goal, **how)
        return prepare(above, goal, **how)

    code = call(chests, out).exit_code
    call(at("in"), there, plan=True, tasks=2)
    for number in range(2):
        assert call(at("in"), there, task=f"{number}/2").exit_code is Exit.OK
    assert call(at("in"), there).exit_code is code
    here = {path.relative_to(out).as_posix(): path.read_bytes() for path in files(out)}
    assert results(store.content("out")) == results(here)


def test_evaluate_reads_from_a_store_and_writes_to_a_folder(store, chests, tmp_path):
    store.upload(chests / "Labels", "in/Labels")
    evaluate(at("in/Labels"), at("in/Labels"), tmp_path / "there")
    alone = tmp_path / "Labels"  # in a store the CT beside the masks is not looked for
    shutil.copytree(chests / "Labels", alone)
    evaluate(alone, alone, tmp_path / "here")
    one, other = ((tmp_path / name / "scores.csv").read_text() for name in ("here", "there"))
    assert one.splitlines() == other.splitlines()
    with pytest.raises(UsageError, match="folder"):
        evaluate(at("in/Labels"), at("in/Labels"), at("out"))


def test_a_killed_task_is_taken_over_and_a_living_one_is_left_alone(given, plain, monkeypatch):
    monkeypatch.setattr(object_claims, "LOOK_S", 0.05)
    monkeypatch.setattr("pleura.store.claims.BEAT_S", 0.1)
    how = {"model": CLASSICAL, "task": "0/1"}
    segment(at("in/Images"), at("out"), model=CLASSICAL, plan=True, tasks=1)
    living = object_claims.ObjectClaims(object_claims.Objects(f"{BUCKET}/out"))
    case = given_case(given)
    with living.beating():
        assert living.take(object_claims.case_claim(case)) == "taken"
        share = segment(at("in/Images"), at("out"), **how)
        assert share.as_json()["elsewhere"] == [case]
        with pytest.raises(OutputBusy, match="being done by tasks"):
            segment(at("in/Images"), at("out"), model=CLASSICAL)
    assert segment(at("in/Images"), at("out"), **how).as_json()["elsewhere"] == []
    segment(at("in/Images"), at("out"), model=CLASSICAL)
    assert results(given.content("out")) == plain


def given_case(store):
    import json

    return json.loads(store.content("out")["jobs.json"])["cases"][1][0]


KILLED = """
import os, signal, sys

def watch(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        with open(os.environ["CONNECTED"], "a") as file:
            file.write(f"{arguments[1][0]}:{arguments[1][1]}\\n")

sys.addaudithook(watch)
from pathlib import Path
from pleura.store import mirror
from pleura.verbs.segment import segment

count = 0
put = mirror.Objects.put
def put_and_end(self, files):
    global count
    put(self, files)
    count += 1
    if count == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
mirror.Objects.put = put_and_end
segment(Path(sys.argv[1]), Path(sys.argv[2]), model=Path("classical"))
"""


@pytest.mark.parametrize("moment", [1, 4])
def test_killed_between_two_uploads_the_next_run_finishes(moment, given, plain, tmp_path):
    words = [sys.executable, "-c", KILLED, f"s3://{BUCKET}/in/Images", f"s3://{BUCKET}/out"]
    more = {"TMPDIR": str(tmp_path / "scratch"), "CONNECTED": str(tmp_path / "connected")}
    ended = subprocess.run([*words, str(moment)], env=os.environ | more, check=False)
    assert ended.returncode == -9
    connected = set((tmp_path / "connected").read_text().split())
    assert connected == {given.url.removeprefix("http://")}  # and nothing else
    assert files(tmp_path / "scratch")  # and the next run removes it
    segment(at("in/Images"), at("out"), model=CLASSICAL)
    assert results(given.content("out")) == plain
    assert not files(tmp_path / "scratch")


@pytest.mark.parametrize(
    ("source", "out", "said"),
    [
        (f"s3://key:secret@{BUCKET}/in", f"s3://{BUCKET}/out", "contains credentials"),
        (f"s3://{BUCKET}/in/Images", f"s3://{BUCKET}/in/Images/out", "inside each other"),
        (f"s3://{BUCKET}/none", f"s3://{BUCKET}/out", "does not exist"),
        ("s3://no-such-bucket/in", f"s3://{BUCKET}/out", "no such bucket"),
        (f"s3://{BUCKET}", f"s3://{BUCKET}/out", "s3://BUCKET/PREFIX"),
    ],
)
def test_what_is_refused_before_any_work(source, out, said, given):
    with pytest.raises(UsageError, match=said) as caught:
        segment(Path(source), Path(out), model=CLASSICAL)
    assert "secret" not in str(caught.value)
    assert given.content("out") == {}


def test_names_that_cannot_be_files_are_refused(given):
    client = given.client
    client.put_object(Bucket=BUCKET, Key="in/Images/../../x", Body=b"1")
    client.close()
    with pytest.raises(UsageError, match="1 objects have names"):
        segment(at("in/Images"), at("out"), model=CLASSICAL)
