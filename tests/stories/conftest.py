"""What stories share: training that gives the same bytes, and an object store."""

import tempfile

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


@pytest.fixture
def store(monkeypatch, tmp_path):
    """An object store on this machine, that the commands of a test use."""
    from testing.object_store import ENVIRONMENT, serving  # moto takes a second

    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    with serving() as served:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", served.url)
        yield served
