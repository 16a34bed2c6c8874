"""Libraries quote values of the input in warnings and logs; none may reach a terminal or a log."""

import logging
import sys
import warnings

LIBRARIES = ("pydicom", "nibabel", "matplotlib", "PIL", "botocore", "aiobotocore")


def silence_libraries() -> None:
    """Silence warnings and loggers of libraries in this process; for commands and their workers,
    not for callers of the API.

    Warnings stay where Python was started with `-W` or PYTHONWARNINGS.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
