"""Paths of object stores, `s3://BUCKET/PREFIX`."""

import re
from pathlib import Path, PurePosixPath
from typing import Any, cast

from pleura.core.errors import UsageError

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


def refuse_remote(*values: Any) -> None:
    """Refuse paths in an object store where a folder is needed.

    Raises:
        UsageError: one of the values is such a path.
    """
    if any(map(is_remote, values)):
        raise UsageError(
            "this command does not read or write object stores here: copy the objects to a folder; "
            "segment, measure, prepare, deidentify and train take s3:// for IN and OUT, evaluate "
            "and run for their inputs, status for OUT"
        )
