"""Keep the finished runs of a study in a small file: `python bench/study_runs.py OUT FILE.tar.gz`.

Unpacked into an empty folder (`tar xzf FILE.tar.gz -C OUT`), the command of the study makes the
slices anew and does only the runs that are not in the file. The file names the version that packed
it, because only a run of the same version is resumed: let one run be made anew before that, and
compare it (docs/study.md).
"""

import gzip
import io
import json
import sys
import tarfile
from pathlib import Path

from pleura import __version__


def main() -> None:
    out, goal = Path(sys.argv[1]), Path(sys.argv[2])
    items = [path for path in (out / ".pleura" / "items").iterdir() if is_run(path)]
    names = [f"{path.relative_to(out)}" for path in (*items, *(out / ".pleura").glob("cpu-*/*"))]
    names += [f"{path.relative_to(out)}" for path in (out / "runs").rglob("history.jsonl")]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        add(archive, "run.json", running(out))
        for name in sorted(names):
            add(archive, name, (out / name).read_bytes())
    goal.write_bytes(gzip.compress(packed.getvalue(), mtime=0))
    print(f"{len(items)} runs, {goal.stat().st_size} bytes")


def is_run(path: Path) -> bool:
    return str(json.loads(path.read_text())["id"]).startswith("runs/")


def running(out: Path) -> bytes:
    """`run.json` as it is while the study runs."""
    record = json.loads((out / "run.json").read_text())
    kept = {key: record[key] for key in ("format", "verb", "options")}
    kept |= {"version": __version__, "state": "running"}
    return json.dumps(kept, indent=2, sort_keys=True).encode() + b"\n"


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


if __name__ == "__main__":
    main()
