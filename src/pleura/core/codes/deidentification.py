"""De-identification and its audit."""

from collections.abc import Mapping

from pleura.core.codes.code import Code

DEIDENTIFICATION: Mapping[str, Code] = {}
