"""Verbs over object stores.

A verb works on folders. Where a path of its call is in an object store, `staging` brings what is
needed to a scratch folder, calls the verb there, and uploads its results. `staging`, and the
library that opens connections, are imported only then.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar, cast

from pleura.store.addresses import is_remote, refuse_remote

P = ParamSpec("P")
R = TypeVar("R")


def over_object_stores(
    *, writes: bool = True, collects_without_input: bool = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a verb take `s3://` paths.

    Args:
        writes: whether OUT may be in an object store too.
        collects_without_input: whether the run that collects a plan needs no input of cases that
            are done.
    """

    def decorated(verb: Callable[P, R]) -> Callable[P, R]:
        @wraps(verb)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            bound = signature(verb).bind(*args, **kwargs)
            if not any(map(is_remote, bound.arguments.values())):
                return verb(*args, **kwargs)
            from pleura.store.staging import Staging

            bound.apply_defaults()
            if not writes:
                refuse_remote(bound.arguments["out"])
            values: Mapping[str, Any] = dict(bound.arguments)
            return cast(R, Staging(called, verb, values, collects_without_input).run())

        return called

    return decorated
