"""The values, completeness, sides and coverage of a volume, and how a mask fits it."""

from collections.abc import Mapping

from pleura.core.codes.code import Code

QUALITY: Mapping[str, Code] = {}
