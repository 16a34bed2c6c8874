"""Object stores that do not answer, and credentials that are missing or do not come."""

import socket
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from testing.object_store import BUCKET

from pleura.core.errors import OutputFailed, UsageError
from pleura.store import object_store
from pleura.verbs.status import status

DRIP = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
NONE = "there are no credentials for the object store; set AWS_ACCESS_KEY_ID and"
SECRET = "a-secret-that-nothing-may-write-down"


@contextmanager
def service(answer):
    """A service on loopback that answers each connection with `answer(connection)`."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def silent(connection):
    with connection, suppress(OSError):
        while connection.recv(10_000):  # until the other side gives up
            pass


def dripping(connection):
    with connection, suppress(OSError):
        connection.sendall(DRIP)
        for _ in range(200):
            connection.sendall(b" ")
            time.sleep(0.1)


def failing(connection):
    with connection:
        connection.recv(10_000)
        connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """Nothing of this machine's settings; returns a function that writes the AWS config file."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "ENDPOINT_URL"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return lambda text: (tmp_path / "config").write_text(text)


def refused():
    """What a command says without credentials, and after how many seconds."""
    begun = time.monotonic()
    with pytest.raises(UsageError) as caught:
        status(Path(f"s3://{BUCKET}/out"))
    assert SECRET not in str(caught.value)
    return str(caught.value), time.monotonic() - begun


@pytest.mark.parametrize(
    ("answer", "said"),
    [(silent, NONE), (failing, NONE), (dripping, "did not answer within 3 s; check the profile")],
)
def test_a_metadata_service_that_does_not_answer_is_not_waited_for(
    answer, said, alone, monkeypatch
):
    monkeypatch.setattr(object_store, "CREDENTIALS_S", 3 if answer is dripping else 30)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    with service(answer) as url:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
        message, seconds = refused()
    assert said in message
    assert seconds < 15


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("[default]\ncredential_process = sleep 30\n", "did not answer within 1 s"),
        ("[default]\ncredential_process = /bin/false\n", "failed (CredentialRetrievalError)"),
        ("[default\n", "settings of the object store are invalid (ConfigParseError)"),
        ("", NONE),
    ],
)
def test_a_profile_without_credentials_is_said_plainly(config, said, alone, monkeypatch):
    monkeypatch.setattr(object_store, "CREDENTIALS_S", 1)
    alone(config)
    assert said in refused()[0]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"AWS_SECRET_ACCESS_KEY": SECRET}, NONE),
        ({"AWS_ACCESS_KEY_ID": SECRET}, NONE),
        ({"AWS_PROFILE": SECRET}, "(ProfileNotFound); check AWS_PROFILE"),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/no/such", "AWS_ROLE_ARN": SECRET}, "failed (FileNot"),
    ],
)
def test_incomplete_variables_are_said_and_never_shown(variables, said, alone, monkeypatch, capfd):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert said in refused()[0]
    assert SECRET not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    "wrong", [{"AWS_ENDPOINT_URL_S3": "minio"}, {"AWS_DEFAULT_REGION": "not a region"}]
)
def test_a_wrong_endpoint_or_region_is_no_outage(wrong, alone, monkeypatch):
    complete = {"AWS_ACCESS_KEY_ID": "AKIATESTINGTESTING12", "AWS_SECRET_ACCESS_KEY": SECRET}
    for name, value in (complete | wrong).items():
        monkeypatch.setenv(name, value)
    assert "settings of the object store are invalid" in refused()[0]


def test_a_store_that_accepts_connections_and_stays_silent_is_given_up(alone, monkeypatch):
    monkeypatch.setattr(object_store, "SILENCE_S", 0.2)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", SECRET)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    begun, connections = time.monotonic(), []

    def counting(connection):
        connections.append(connection)
        silent(connection)

    with service(counting) as url, pytest.raises(OutputFailed) as caught:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        status(Path(f"s3://{BUCKET}/out"))
    assert "did not answer 4 requests within 0.2 s each; check its address" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert len(connections) == object_store.SILENT_TRIES
    assert time.monotonic() - begun < 15  # with pauses of up to 1, 2 and 4 s
