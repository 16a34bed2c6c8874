"""How far a batch is whose OUT is in an object store: its records, brought to a scratch folder."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pleura.core.atomic import BOOKKEEPING, read_json
from pleura.store.addresses import remote_path
from pleura.store.failures import Failure
from pleura.store.layout import JOBS, RUN
from pleura.store.mirror import CLAIMED, FAILED_FOLDER, ITEM_FOLDER, placeholder
from pleura.store.object_claims import BEATS
from pleura.store.object_store import Entry, Objects
from pleura.store.scratch import scratch_folder
from pleura.store.status import Standing, standing_of


def standing_in_store(out: Path) -> tuple[Standing, Mapping[str, Failure]] | None:
    """As `status.standing_of`, of an `s3://` address; writes nothing there.

    Raises:
        UsageError: the address is wrong, or the store refuses access.
        OutputFailed: the store does not answer.
    """
    objects = Objects.below(remote_path(out))
    entries = {**objects.list(RUN), **objects.list(JOBS), **objects.list(f"{BOOKKEEPING}/")}
    with scratch_folder() as folder:
        _bring(objects, folder, entries)
        return standing_of(folder)


def _bring(objects: Objects, folder: Path, entries: Mapping[str, Entry]) -> None:
    """The records as `standing_of` reads them: of finished cases their times, of the others their
    failures and claims.
    """
    done, failed = (
        {
            name.removeprefix(above).removesuffix(".json")
            for name in entries
            if name.startswith(above)
        }
        for above in (ITEM_FOLDER, FAILED_FOLDER)
    )
    for name in entries:
        if name.startswith(ITEM_FOLDER):
            placeholder(folder / name, entries[name])
    over = done - failed
    wanted = [
        name
        for name in entries
        if name in (RUN, JOBS)
        or name.startswith(FAILED_FOLDER)
        or (name.startswith(CLAIMED) and _case_of(name) not in over)
    ]
    for name, content in objects.read_each(wanted).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if name.startswith(CLAIMED):
            _date(path, entries)


def _case_of(claim: str) -> str:
    """The name of the case's record, without ending, of a claim."""
    return claim.removeprefix(CLAIMED).rpartition(".")[0]


def _date(claim: Path, entries: Mapping[str, Entry]) -> None:
    """Give a claim the time of the last beat of its process; remove one whose process has ended."""
    beat = None
    with suppress(ValueError, AttributeError):
        beat = entries.get(BEATS + str(read_json(claim).get("token")))
    if beat is None:
        claim.unlink()
    else:
        os.utime(claim, ns=(beat.time_ns, beat.time_ns))
