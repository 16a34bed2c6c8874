"""Label files and objects."""

from collections.abc import Mapping

from pleura.core.codes.code import Code

LABELS: Mapping[str, Code] = {}
