"""Paths of object stores, `s3://BUCKET/PREFIX`, and the verbs that take them.

A verb works on folders. Where a path of its call is in an object store, `staging` brings what is
needed to a scratch folder, calls the verb there, and uploads its results. `staging`, and the
library that opens connections, are imported only then.
"""

import re
from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from pathlib import Path, PurePosixPath
from typing import Any, ParamSpec, TypeVar, cast

from pleura.core.errors import UsageError

P = ParamSpec("P")
R = TypeVar("R")

SCHEME = re.compile(r"[sS]3:[/\\]+")
"""How an address begins; a `Path` has one slash where the user typed two."""
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""Names of buckets, as Amazon S3 allows them."""


class ObjectPath(PurePosixPath):
    """A path in an object store, for results and messages; it is written with `s3://`."""

    def __str__(self) -> str:
        return "s3://" + super().__str__().removeprefix("s3:/").lstrip("/")


def is_remote(value: Any) -> bool:
    """Whether an argument of a verb is a path in an object store."""
    return isinstance(value, Path | ObjectPath) and SCHEME.match(value.as_posix()) is not None


def remote_path(path: Path) -> Path:
    """The path as an `ObjectPath`.

    Raises:
        UsageError: it is not `s3://BUCKET/PREFIX`, or it contains credentials.
    """
    bucket, _, prefix = SCHEME.sub("", path.as_posix(), count=1).partition("/")
    if "@" in bucket or ":" in bucket:
        raise UsageError(
            "the s3:// address contains credentials, which other users of this machine can see; "
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a profile or a role"
        )
    if not BUCKET.fullmatch(bucket) or not prefix or ".." in prefix.split("/"):
        raise UsageError("an address of an object store is s3://BUCKET/PREFIX")
    return cast(Path, ObjectPath(f"s3:/{bucket}/{prefix}"))


def refuse_remote(*paths: Path) -> None:
    """Refuse paths in an object store where a folder is needed.

    Raises:
        UsageError: one is.
    """
    if any(map(is_remote, paths)):
        raise UsageError(
            "this command does not read or write object stores here: copy the objects to a folder; "
            "segment, measure and prepare take s3:// for IN and OUT, evaluate for its inputs"
        )


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
