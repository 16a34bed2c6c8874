"""What stories share that train a network and compare bytes."""

import pytest


@pytest.fixture(scope="module")
def one_thread_and_one_date():
    """One thread of torch, and one date in everything that is written."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SOURCE_DATE_EPOCH", "0")  # the certificate has a date
        yield
    torch.set_num_threads(before)
