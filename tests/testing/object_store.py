"""An S3 server on loopback (moto), whose answers can be errors at random moments.

with serving() as store:
    store.faults = 0.1  # of requests: half of these were carried out all the same
    store.upload(folder, "in")
"""

import logging
import random
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

BUCKET = "chests"
STATUSES = ("500 Internal Server Error", "503 Slow Down")
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIATESTINGTESTING12",
    "AWS_SECRET_ACCESS_KEY": "a-secret-that-nothing-may-write-down",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@dataclass
class Store:
    """The server. `requests` are methods and paths of what it was asked; `faults` is the share of
    requests that it answers with 500 or 503. Of objects whose names end with `stalled` it sends the
    first half, and then nothing, or with `drips` a byte now and then.
    """

    app: Callable[..., Any]
    port: int = 0
    faults: float = 0.0
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    requests: list[tuple[str, str]] = field(default_factory=list)
    failed: int = 0
    stalled: str = ""
    drips: bool = False

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """One request (WSGI)."""
        self.requests.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if self.stalled and environ["PATH_INFO"].endswith(self.stalled):
            return self._half(b"".join(self.app(environ, start_response)))
        if self.chance.random() >= self.faults:
            return self.app(environ, start_response)
        self.failed += 1
        if self.chance.random() < 0.5:  # carried out, and the answer is lost
            list(self.app(environ, lambda *_: None))
        else:
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start_response(self.chance.choice(STATUSES), [("Content-Length", "0")])
        return [b""]

    def _half(self, body: bytes) -> Iterator[bytes]:
        yield body[: len(body) // 2]
        for number in range(len(body) // 2, len(body) - 1):
            time.sleep(0.1)
            if not self.stalled:
                return
            yield body[number : number + 1] if self.drips else b""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def client(self) -> Any:
        """A client of its own library."""
        import boto3

        return boto3.client("s3", endpoint_url=self.url)

    def upload(self, folder: Path, prefix: str) -> None:
        """Upload every file of a folder."""
        client = self.client
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                key = f"{prefix}/{path.relative_to(folder).as_posix()}"
                client.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())
        client.close()

    def delete(self, prefix: str, names: Iterable[str]) -> None:
        """Delete objects below a prefix."""
        client = self.client
        for name in names:
            client.delete_object(Bucket=BUCKET, Key=f"{prefix}/{name}")
        client.close()

    def content(self, prefix: str) -> dict[str, bytes]:
        """Every object below a prefix, or of the whole bucket, by its name below it."""
        client, found = self.client, {}
        start = f"{prefix}/" if prefix else ""
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=start)
        for page in pages:
            for entry in page.get("Contents", ()):
                body = client.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"]
                found[entry["Key"].removeprefix(start)] = body.read()
        client.close()
        return found

    def written(self, prefix: str) -> list[str]:
        """The names below a prefix of all requests that wrote an object, in order."""
        start = f"/{BUCKET}/{prefix}/"
        return [
            path.removeprefix(start)
            for method, path in self.requests
            if method == "PUT" and path.startswith(start)
        ]


def at(prefix: str) -> Path:
    """A place in the bucket."""
    return Path(f"s3://{BUCKET}/{prefix}")


@contextmanager
def serving() -> Iterator[Store]:
    """Serve one bucket on loopback. The caller sets `ENVIRONMENT` and `AWS_ENDPOINT_URL_S3`."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    store = Store(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, store, threaded=True)
    store.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        reset = urllib.request.Request(f"{store.url}/moto-api/reset", method="POST")
        urllib.request.urlopen(reset).close()  # servers of one process share their buckets
        client = store.client
        client.create_bucket(Bucket=BUCKET)
        client.close()
        yield store
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
