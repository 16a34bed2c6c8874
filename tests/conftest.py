"""Shared set-up: the strategies module is importable, hypothesis is seeded and never timed."""

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))
settings.register_profile("pleura", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("pleura")
