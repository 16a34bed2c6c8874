"""`segment` by thresholds unless a test names a model: for tests of what surrounds the
segmenter, on small phantoms.
"""

from functools import partial, update_wrapper
from pathlib import Path

from pleura.verbs import segment as module

segment = update_wrapper(partial(module.segment, model=Path("classical")), module.segment)
