"""The results of `--plan` and `--task`, and the lines that start the tasks."""

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pleura.core.errors import Exit
from pleura.core.results import Result
from pleura.core.text import counted
from pleura.store.addresses import is_remote
from pleura.store.call import Call
from pleura.store.layout import JOBS

NO_SECOND_TRY = {
    "action": "FailIndex",
    "onExitCodes": {"operator": "In", "values": [int(Exit.SOME_FAILED), int(Exit.USAGE)]},
}
"""A task whose cases were refused, or whose call is wrong, is not started again (Kubernetes)."""
NOT_TO_COPY = (
    "these lines cannot be copied: a path has control characters or is not UTF-8, and escapes are "
    "in their place; rename it"
)
MEMORY_GB = 2
"""Memory in GB to request for each worker."""


@dataclass(frozen=True)
class PlanResult(Result):
    """A plan in OUT: `cases` of the input, `left` without a result yet, for `tasks` tasks."""

    out: Path
    call: Call
    cases: int
    left: int
    tasks: int

    @property
    def slurm(self) -> str:
        """The line that submits the tasks to Slurm."""
        workers = max(1, self.call.workers)
        return (
            f"sbatch --array=0-{self.tasks - 1} --cpus-per-task={workers} "
            f"--mem={MEMORY_GB * workers}G --requeue "
            f"--wrap={shlex.quote(self.call.line('--task', 'auto'))}"
        )

    @property
    def parallel(self) -> str:
        """The line that runs the tasks on this machine with GNU parallel."""
        return (
            f"seq 0 {self.tasks - 1} | parallel -j 2 {self.call.line('--task')} {{}}/{self.tasks}"
        )

    @property
    def kubernetes(self) -> dict[str, Any]:
        """The manifest of an Indexed Job; its image and its volume claim are to be filled in."""
        workers = max(1, self.call.workers)
        here = [str(path) for path in self.call.paths if not is_remote(path)]
        need = {"cpu": str(workers), "memory": f"{MEMORY_GB * workers}Gi"}
        container: dict[str, Any] = {
            "name": "pleura",
            "image": "REGISTRY/pleura:VERSION",
            "command": [*self.call.words, "--task", "auto"],
            "resources": {"requests": need, "limits": need},
        }
        pod: dict[str, Any] = {"restartPolicy": "Never", "containers": [container]}
        if here:
            mount = {"name": "scans", "mountPath": os.path.commonpath(here)}
            container["volumeMounts"] = [mount]
            claim = {"claimName": "CLAIM"}
            pod["volumes"] = [{"name": "scans", "persistentVolumeClaim": claim}]
        spec = {
            "completionMode": "Indexed",
            "completions": self.tasks,
            "parallelism": self.tasks,
            "backoffLimitPerIndex": 2,
            "maxFailedIndexes": self.tasks,
            "podFailurePolicy": {"rules": [NO_SECOND_TRY]},
            "template": {"spec": pod},
        }
        name = f"pleura-{self.call.verb}"
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}

    def as_json(self) -> Any:
        """Counts, and how to start the tasks with each engine."""
        return {
            "cases": self.cases,
            "left": self.left,
            "tasks": self.tasks,
            "slurm": self.slurm,
            "parallel": self.parallel,
            "kubernetes": self.kubernetes,
            "collect": self.call.line(),
        }

    def notes(self) -> Sequence[str]:
        """What was planned, and the lines to copy."""
        return [
            f"{self.out / JOBS}: {counted(self.cases, 'case', 'cases')}, {self.left} left, "
            f"{counted(self.tasks, 'task', 'tasks')}",
            f"Slurm: {self.slurm}",
            f"GNU parallel: {self.parallel}",
            "Kubernetes (a manifest for kubectl apply -f -; fill in image and claim):",
            *json.dumps(self.kubernetes, indent=2).splitlines(),
            f"At the end, collect: {self.call.line()}",
            *([] if self.call.line().isprintable() else [NOT_TO_COPY]),
        ]


@dataclass(frozen=True)
class ShareResult(Result):
    """A task's `share`: `failed` ids with codes; `elsewhere` are being done by another process."""

    out: Path
    share: int
    failed: Mapping[str, str]
    elsewhere: tuple[str, ...] = ()

    def __add__(self, other: "ShareResult") -> "ShareResult":
        """The shares of two batches of one task."""
        failed = {**self.failed, **other.failed}
        elsewhere = self.elsewhere + other.elsewhere
        return ShareResult(self.out, self.share + other.share, failed, elsewhere)

    @property
    def exit_code(self) -> Exit:
        """1 where a case failed."""
        return Exit.SOME_FAILED if self.failed else Exit.OK

    def as_json(self) -> Any:
        """Counts, and the failed cases with codes."""
        done = self.share - len(self.failed) - len(self.elsewhere)
        return {
            "share": self.share,
            "done": done,
            "failed": dict(self.failed),
            "elsewhere": list(self.elsewhere),
        }

    def notes(self) -> Sequence[str]:
        """Each failed case, then counts."""
        about = self.as_json()
        lines = [f"{id}: refused: {code}" for id, code in self.failed.items()]
        last = f"{about['done']} of {counted(self.share, 'case', 'cases')} of this task are done"
        if self.elsewhere:
            last += f"; another process is doing {len(self.elsewhere)}"
        return [*lines, last]
