"""How many cores this process may use."""

import os

GRANTED = "SLURM_CPUS_PER_TASK"
"""The cores that Slurm grants to a task, which the affinity mask may not show."""


def cores() -> int:
    """The cores that this process may use, at least 1: those of the operating system (affinity,
    container), and not more than Slurm grants the task.
    """
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0)) or 1
    else:
        allowed = os.cpu_count() or 1
    return min(allowed, _number(GRANTED) or allowed)


def keep_blas_to_one_thread() -> None:
    """Give NumPy's matrix products one thread, where the user has not chosen; call this before
    NumPy is imported.

    Ours are small, and OpenBLAS's threads wait by spinning: beside another busy process one
    segmentation took 18.6 CPU seconds with two of them, and 3.4 with one.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def threads() -> int:
    """Threads that a numerical library may start here: `OMP_NUM_THREADS`, or all cores."""
    return _number("OMP_NUM_THREADS") or cores()


def _number(variable: str) -> int:
    """A positive number in the environment; 0 where there is none."""
    given = os.environ.get(variable, "")
    return int(given) if given.isdecimal() else 0
