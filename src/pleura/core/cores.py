"""How many cores this process may use."""

import os


def cores() -> int:
    """The cores that the operating system grants this process (affinity, container), at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def keep_blas_to_one_thread() -> None:
    """Give NumPy's matrix products one thread, where the user has not chosen; call this before
    NumPy is imported.

    Ours are small, and OpenBLAS's threads wait by spinning: beside another busy process one
    segmentation took 18.6 CPU seconds with two of them, and 3.4 with one.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def threads() -> int:
    """Threads that a numerical library may start in this process: `OMP_NUM_THREADS`, or all
    cores.
    """
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdigit() and int(given) > 0 else cores()
