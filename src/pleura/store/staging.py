"""A verb whose IN or OUT is in an object store: stage to scratch, do the work there, upload.

The scratch folder is in TMPDIR. A run takes the whole input there, and only what is not done yet
where OUT has a plan; a task of a job array takes its own cases.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pleura.core.atomic import BOOKKEEPING, read_json, write_json
from pleura.core.errors import OutputBusy, UsageError
from pleura.store.addresses import is_remote, remote_path
from pleura.store.call import Call
from pleura.store.claims import plan_is_gone
from pleura.store.fingerprints import fingerprint
from pleura.store.item import Item, stem_of
from pleura.store.job_array import Part
from pleura.store.layout import BESIDE, CLAIMS, COHORT, JOBS, RUN, beside
from pleura.store.mirror import BODIES, FAILED_FOLDER, ITEM_FOLDER, Mirror
from pleura.store.object_claims import LOOK_S, RUN_LOCK, ObjectClaims, case_claim
from pleura.store.object_store import Objects
from pleura.store.part_results import PlanResult
from pleura.store.planned import Plan
from pleura.store.remote_input import Source
from pleura.store.scratch import scratch_folder

INPUT_FOLDER = "in"
OUT_FOLDER = "out"
BY_CASE = ("source", "masks")
"""Inputs of which a task needs the objects of its cases alone."""


@dataclass(frozen=True)
class Staging:
    """One call of a verb; `values` are its arguments by name. `collects_without_input` and
    `reads_results` are as in `remote.over_object_stores`.
    """

    called: Callable[..., Any]
    verb: Callable[..., Any]
    values: Mapping[str, Any]
    collects_without_input: bool
    reads_results: bool

    def run(self) -> Any:
        """Do the call, and return the verb's result.

        Raises:
            UsageError: the call is wrong, or the object store refuses access.
            OutputBusy: another process plans, writes or collects OUT.
            OutputFailed: the object store does not answer.
        """
        call = Call.of(self.called, self.values)
        part = Part.of(call) if "plan" in self.values else Part(call)
        self._check(part)
        is_local = not is_remote(self.values["out"])
        with scratch_folder() as scratch:
            sources = self._sources(scratch)
            if is_local or self.values.get("dry_run"):
                self._get_all(sources)
                out = self.values["out"] if is_local else scratch / OUT_FOLDER
                return self._call(sources, out=out)
            url = remote_path(self.values["out"])
            objects = Objects.below(url)
            self._check_apart(objects, sources)
            mirror = Mirror(objects, scratch, scratch / OUT_FOLDER / url.name, objects.list())
            with ObjectClaims(objects).beating() as claims:
                if part.is_task:
                    return self._task(part, mirror, claims, sources)
                return self._whole(part, mirror, claims, sources)

    def _check(self, part: Part) -> None:
        verb = part.call.verb
        if self.values.get("scheduler"):
            raise UsageError(
                f"{verb}: --scheduler needs folders that all machines see; with s3:// use --plan "
                "and --task"
            )
        if (part.plan or part.is_task) and not is_remote(self.values["out"]):
            raise UsageError(f"{verb}: --plan and --task with s3:// need OUT there too")
        self._private()

    def _private(self) -> dict[str, Path]:
        """The files that the verb writes beside OUT, such as key and map. None of them goes to a
        store: they lie beside the map on this machine.

        Raises:
            UsageError: OUT is in a store, and the call names no map.
        """
        names = [name for name in BESIDE if name in self.values]
        if not names or not is_remote(self.values["out"]):
            return {}
        place = self.values["map"]
        if place is None:
            raise UsageError(
                f"{self.verb.__name__}: OUT is in an object store, where the re-identification map "
                "and the key must not be: name the map on this machine with --map; key, audit and "
                "certificate are written beside it"
            )
        out = place.absolute().with_name(remote_path(self.values["out"]).name)
        return {name: self.values[name] or beside(out, BESIDE[name]) for name in names}

    def _sources(self, scratch: Path) -> dict[str, Source]:
        """The inputs in object stores, by parameter, in the order of the call."""
        sources = {}
        for name, value in self.values.items():
            if name != "out" and is_remote(value):
                place = scratch / INPUT_FOLDER / name
                sources[name] = Source.of(value, place)
        return sources

    def _check_apart(self, out: Objects, sources: Mapping[str, Source]) -> None:
        """Raises `UsageError` where OUT and an input lie inside each other."""
        goal = f"{out.root}/"
        for source in sources.values():
            given = f"{source.objects.root}/"
            if goal.startswith(given) or given.startswith(goal):
                raise UsageError(
                    "OUT and an input lie inside each other; input is never written to: choose a "
                    "prefix beside it"
                )

    def _whole(
        self, part: Part, mirror: Mirror, claims: ObjectClaims, sources: Mapping[str, Source]
    ) -> Any:
        """A run that plans, does everything, or collects."""
        if claims.take(RUN_LOCK) != "taken" and (
            claims.is_alive(RUN_LOCK) or claims.take(RUN_LOCK) != "taken"
        ):
            raise OutputBusy("another process writes OUT; try again when it has ended")
        claims.remove_older(RUN_LOCK)
        try:
            return self._done_alone(part, mirror, claims, sources)
        except BaseException:
            claims.leave_nothing(RUN_LOCK)
            raise

    def _done_alone(
        self, part: Part, mirror: Mirror, claims: ObjectClaims, sources: Mapping[str, Source]
    ) -> Any:
        """The work of `_whole`, by the process that has OUT for itself."""
        mirror.entries = mirror.objects.list()  # as it is now that no other run writes it
        whole = self.reads_results or self.values.get("verify_done") == "hash"
        mirror.stage(mirror.entries, whole=whole)
        self._refuse_busy_cases(mirror, claims)
        self._stage_input(part, mirror, sources)

        def check() -> None:
            if not claims.check(RUN_LOCK):
                raise OutputBusy("another process has taken OUT over; run the same command again")

        def push() -> None:
            if mirror.has_new_cases:
                check()
                mirror.push_cases()

        result = self._call(sources, mirror, push)
        check()
        mirror.push_all()
        return result

    def _refuse_busy_cases(self, mirror: Mirror, claims: ObjectClaims) -> None:
        plan = Plan.read(mirror.folder)
        if plan is None:
            return
        (mirror.folder / BOOKKEEPING / CLAIMS).mkdir(parents=True, exist_ok=True)
        stems = {
            name.rpartition(".")[0] for name in mirror.objects.list(f"{BOOKKEEPING}/{CLAIMS}/")
        }
        claimed = [case_claim(case[0]) for case in plan.cases if not _stands(mirror, case)]
        busy = sum(claims.is_alive(name) for name in claimed if name in stems)
        if busy:
            raise OutputBusy(
                f"{busy} cases are being done by tasks; run the same command again when these have "
                "ended"
            )

    def _stage_input(self, part: Part, mirror: Mirror, sources: Mapping[str, Source]) -> None:
        """Only the input of cases that are left, where the plan is of this input; else all."""
        plan = Plan.read(mirror.folder)
        for source in sources.values():
            source.show()
        needed = part.plan or part.retry or self.values.get("paths")
        lazy = self.collects_without_input and not needed
        if lazy and plan is not None and dict(plan.input) == self._fingerprint(sources):
            left = [str(case[0]) for case in plan.cases if not _stands(mirror, case)]
            self._get_named(mirror, left, sources, Source.get)
        else:
            self._get_all(sources)

    def _get_all(self, sources: Mapping[str, Source]) -> None:
        for name, source in sources.items():
            if name == "source" and COHORT not in source.entries:
                source.get_to_walk()
            else:
                source.get(source.entries)

    def _fingerprint(self, sources: Mapping[str, Source]) -> dict[str, Any]:
        places = {name: source.path for name, source in sources.items()}
        paths = [
            places.get(name, value)
            for name, value in self.values.items()
            if name != "out" and isinstance(value, Path)
        ]
        return fingerprint(paths)

    def _get_named(
        self,
        mirror: Mirror,
        ids: Sequence[str],
        sources: Mapping[str, Source],
        get: Callable[[Source, Iterable[str]], None],
    ) -> None:
        """Download the input that the jobs of these cases name, by `get`, and what is not of one
        case.
        """
        bodies = [mirror.folder / BODIES / f"{stem_of(id)}.json" for id in ids]
        text = "\n".join(body.read_text(encoding="utf-8") for body in bodies)
        for name, source in sources.items():
            if name in BY_CASE:
                get(source, source.named_in(text))
            else:
                source.get(source.entries)

    def _task(
        self, part: Part, mirror: Mirror, claims: ObjectClaims, sources: Mapping[str, Source]
    ) -> Any:
        """One task's share: what no other process does of it."""
        if claims.is_alive(RUN_LOCK):
            raise OutputBusy("another process plans or collects OUT; start the task when it ended")
        mirror.stage([name for name in (RUN, JOBS) if name in mirror.entries])
        plan = Plan.read(mirror.folder)
        if plan is None:
            return self._call(sources, mirror, task="0/1")  # which says what is wrong
        share = {str(case[0]): case for case in part.own(plan, plan.cases)}
        self._stage_records(mirror, share)
        left = [id for id in share if not _stands(mirror, share[id])]
        own = _taken(claims, left)
        elsewhere = [id for id in left if id not in own]
        self._stage_records(mirror, own)  # another process may have done some meanwhile
        own = [id for id in own if not _stands(mirror, share[id])]
        bodies = {f"{BODIES}{stem_of(id)}.json" for id in own}
        if not bodies <= mirror.entries.keys():
            raise plan_is_gone()
        mirror.stage(bodies)
        for source in sources.values():
            source.show()
        self._get_named(mirror, own, sources, Source.get_for_jobs)
        self._only(mirror, [id for id in share if id not in elsewhere])

        def push() -> None:
            if mirror.has_new_cases:
                if own and not claims.check(case_claim(own[0])):
                    mirror.check_planned()
                mirror.push_cases()

        result = self._call(sources, mirror, push, task="0/1")
        mirror.push_all()
        return replace(result, share=len(share), elsewhere=tuple(elsewhere))

    def _stage_records(self, mirror: Mirror, ids: Iterable[str]) -> None:
        """Bring the records of cases, and show their results."""
        mirror.entries = mirror.objects.list()
        for id in ids:
            records = [f"{folder}{stem_of(id)}.json" for folder in (ITEM_FOLDER, FAILED_FOLDER)]
            mirror.stage(name for name in records if name in mirror.entries)
            item = Item.of(mirror.folder, id)
            files = {} if item is None else item.files
            mirror.stage(name for name in files if name in mirror.entries)

    def _only(self, mirror: Mirror, ids: Sequence[str]) -> None:
        """Leave these cases alone in the plan here, which is not uploaded."""
        path, kept = mirror.folder / JOBS, set(ids)
        plan = read_json(path)
        cases = [case for case in plan["cases"] if case[0] in kept]
        write_json(path, plan | {"cases": cases, "tasks": 1})
        mirror.keep_here(JOBS)
        (mirror.folder / BOOKKEEPING / CLAIMS).mkdir(parents=True, exist_ok=True)

    def _call(
        self,
        sources: Mapping[str, Source],
        mirror: Mirror | None = None,
        push: Callable[[], None] | None = None,
        **more: Any,
    ) -> Any:
        """Call the verb on scratch folders; `push` is called as cases complete."""
        values = {name: source.path for name, source in sources.items()} | self._private() | more
        show = self.values["progress"]

        def progress(stage: str, done: int, total: int) -> None:
            show(stage, done, total)
            if push is not None:
                push()

        if mirror is not None:
            values |= {"out": mirror.folder, "progress": progress}
        result = self.verb(**{**self.values, **values})
        return self._renamed(result) if is_remote(self.values["out"]) else result

    def _renamed(self, result: Any) -> Any:
        """The result with the addresses of the call."""
        more = {"call": Call.of(self.called, self.values)} if isinstance(result, PlanResult) else {}
        return replace(result, out=remote_path(self.values["out"]), **more)


def _stands(mirror: Mirror, case: Sequence[Any]) -> bool:
    """Whether a case of the plan has a record of the same input, and all its results."""
    id, _, input = case
    return Item.standing(mirror.folder, id, input, "size") is not None


def _taken(claims: ObjectClaims, ids: Sequence[str]) -> list[str]:
    """Claim cases; wait until it is known of each whether the process that has it is alive."""
    waiting, own = list(ids), []
    while waiting:
        states = {id: claims.take(case_claim(id)) for id in waiting}
        own += [id for id in waiting if states[id] == "taken"]
        waiting = [id for id in waiting if states[id] == "unknown"]
        time.sleep(LOOK_S if waiting else 0)
    return own
