"""Reading CT: files, headers, stacks."""

from collections.abc import Mapping

from pleura.core.codes.code import Code

READING: Mapping[str, Code] = {}
