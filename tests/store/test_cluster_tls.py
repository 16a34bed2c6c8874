"""A Dask cluster that is reached by TLS, with certificates from Dask's own configuration."""

import pytest
from testing.toy_batch import main

from pleura.core.errors import UsageError
from pleura.store import cluster
from pleura.store.spread import How, spread

dask = pytest.importorskip("dask", reason="distributed is not installed: pleura[dask]")
pytest.importorskip("cryptography", reason="no certificates can be made")

TLS = "distributed.comm.tls"


@pytest.fixture(scope="module")
def made():
    """Self-made certificates, and the address of a scheduler with one worker that asks for them."""
    from distributed import LocalCluster
    from distributed.security import Security

    made = Security.temporary()
    with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        protocol="tls://",
        host="127.0.0.1",
        dashboard_address=None,
        security=made,
    ) as started:
        yield certificates(made), started.scheduler_address


def certificates(made):
    return {
        f"{TLS}.ca-file": made.tls_ca_file,
        f"{TLS}.client.cert": made.tls_client_cert,
        f"{TLS}.client.key": made.tls_client_key,
    }


def test_cases_are_done_with_the_certificates_of_dasks_configuration(made, tmp_path):
    settings, address = made
    assert address.startswith("tls://")
    source = tmp_path / "in"
    source.mkdir()
    for number in range(3):
        (source / f"case_{number}").write_text(str(number))
    with dask.config.set(settings):
        assert main([str(source), str(tmp_path / "out"), "--scheduler", address]) == 0
    assert len(list((tmp_path / "out").glob("case_*/square"))) == 3


def test_other_certificates_are_not_accepted(made, monkeypatch):
    from distributed.security import Security

    monkeypatch.setattr(cluster, "WAIT_S", 1)
    refuse(certificates(Security.temporary()), made[1], "a certificate of the same authority")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "Dask's configuration names none; set DASK_DISTRIBUTED__COMM__TLS__CA_FILE"),
        ({f"{TLS}.ca-file": "/no/such.pem"}, r"cannot be used \(FileNotFoundError\)"),
        ({f"{TLS}.ca-file": "\nnot a certificate"}, r"cannot be used \(\w+Error\)"),
    ],
)
def test_certificates_that_are_missing_or_broken_are_wrong_usage(made, settings, said):
    refuse((made[0] if settings else {}) | settings, made[1], said)


def refuse(settings, address, said):
    with dask.config.set(settings), pytest.raises(UsageError, match=said):
        list(spread(None, [1], How(scheduler=address)))
