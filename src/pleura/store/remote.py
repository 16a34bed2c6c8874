"""Verbs over object stores.

A verb works on folders. Where a path of its call is in an object store, `staging` brings what is
needed to a scratch folder, calls the verb there, and uploads its results. `staging`, and the
library that opens connections, are imported only then. Every verb has one of the two decorators.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar, cast

from pleura.core.errors import UsageError
from pleura.store.addresses import is_remote, refuse_remote

P = ParamSpec("P")
R = TypeVar("R")


def over_object_stores(
    *,
    writes: bool = True,
    has_tasks: bool = True,
    folders: Sequence[str] = (),
    collects_without_input: bool = False,
    reads_results: bool = False,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a verb take `s3://` paths.

    Args:
        writes: whether OUT may be in an object store too.
        has_tasks: whether `--plan` and `--task` work there.
        folders: parameters that must be files or folders of this machine.
        collects_without_input: whether the run that collects a plan needs no input of cases that
            are done.
        reads_results: whether the verb reads all files in OUT to resume, such as checkpoints.
    """
    local = (*folders, *(() if writes else ("out",)))

    def decorated(verb: Callable[P, R]) -> Callable[P, R]:
        @wraps(verb)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            bound = signature(verb).bind(*args, **kwargs)
            if not any(map(is_remote, bound.arguments.values())):
                return verb(*args, **kwargs)
            from pleura.store.staging import Staging

            bound.apply_defaults()
            values: Mapping[str, Any] = dict(bound.arguments)
            refuse_remote(*(values[name] for name in local))
            if not has_tasks and (values.get("plan") or values.get("task")):
                raise UsageError(
                    f"{verb.__name__}: --plan and --task need folders that all machines see: copy "
                    "the objects to one, or run it as one command"
                )
            staging = Staging(called, verb, values, collects_without_input, reads_results)
            return cast(R, staging.run())

        return called

    return decorated


def on_folders(verb: Callable[P, R]) -> Callable[P, R]:
    """Make a verb refuse `s3://` paths before any work, with what to do."""

    @wraps(verb)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        refuse_remote(*signature(verb).bind(*args, **kwargs).arguments.values())
        return verb(*args, **kwargs)

    return called
