"""One cohort of synthetic chests by every way of doing many cases: OUT must have the same bytes.

    python bench/equality.py [CASES]

Ways: 1 worker, 2 workers, a job array of 4 tasks, a Dask cluster of 2 workers, and an object store
(moto's server on loopback) with a run and with a job array of 2 tasks.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from job_arrays import TESTS, dask_cluster, results

sys.path.insert(0, str(TESTS))

from testing.object_store import BUCKET, ENVIRONMENT, serving

from pleura.verbs.phantom import phantom
from pleura.verbs.segment import segment


def array(source: Path, out: Path, tasks: int) -> None:
    """Plan, every task, and the run that collects."""
    segment(source, out, plan=True, tasks=tasks)
    for number in range(tasks):
        segment(source, out, task=f"{number}/{tasks}")
    segment(source, out)


def by_store(way: Callable[[Path, Path], object], source: Path) -> dict[str, bytes]:
    """What a call on an object store leaves in OUT."""
    with serving() as store:
        os.environ["AWS_ENDPOINT_URL_S3"] = store.url
        store.upload(source, "in")
        way(Path(f"s3://{BUCKET}/in"), Path(f"s3://{BUCKET}/out"))
        content = store.content("out")
    return {name: body for name, body in content.items() if not name.startswith(".pleura")}


def main(count: int) -> int:
    """Print a line for each way; return 1 where one differs."""
    os.environ |= ENVIRONMENT
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        phantom(folder / "made", cases=count, size=48, slices=16)
        source = folder / "made" / "Images"

        def on_folders(way: Callable[[Path, Path], object]) -> dict[str, bytes]:
            with tempfile.TemporaryDirectory(dir=folder) as place:
                way(source, Path(place) / "out")
                return results(Path(place) / "out")

        def on_dask(source: Path, out: Path) -> None:
            with dask_cluster(folder) as (address, _):
                segment(source, out, scheduler=address)

        ways: dict[str, Callable[[], dict[str, bytes]]] = {
            "1 worker": lambda: on_folders(segment),
            "2 workers": lambda: on_folders(lambda given, out: segment(given, out, workers=2)),
            "4 tasks": lambda: on_folders(lambda given, out: array(given, out, 4)),
            "Dask, 2 workers": lambda: on_folders(on_dask),
            "object store": lambda: by_store(segment, source),
            "object store, 2 tasks": lambda: by_store(lambda i, o: array(i, o, 2), source),
        }
        found = {}
        for way, do in ways.items():
            begun = time.process_time()
            found[way] = do()
            same = found[way] == found["1 worker"]
            files, size = len(found[way]), sum(map(len, found[way].values()))
            print(
                f"{count} cases, {way}: {'equal' if same else 'OTHER'} ({files} files, {size} "
                f"bytes; {time.process_time() - begun:.0f} s of this process)",
                flush=True,
            )
    return int(any(one != found["1 worker"] for one in found.values()))


if __name__ == "__main__":
    sys.exit(main(int((sys.argv[1:] or ["20"])[0])))
