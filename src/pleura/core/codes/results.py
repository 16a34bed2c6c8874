"""Cases, runs, scores and models."""

from collections.abc import Mapping

from pleura.core.codes.code import Code

RESULTS: Mapping[str, Code] = {}
