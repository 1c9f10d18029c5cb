"""An S3 server of our own for the tests: it starts once, on a free port of this machine.

Here: fixtures that give a bucket, or skip with the reason; conftest modules import them.
"""

import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import httpx
import obstore
import pytest

from engagement_pipeline.storage.objects import open_store

SECRET = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"
START_SECONDS = 60


@dataclass(frozen=True)
class Bucket:
    """A bucket of its own for one test."""

    uri: str
    endpoint: str

    def put(self, key: str, content: bytes) -> None:
        obstore.put(open_store(self.uri), key, content)

    def delete(self, key: str) -> None:
        obstore.delete(open_store(self.uri), key)

    def keys(self, prefix: str = "") -> list[str]:
        found = obstore.list(open_store(self.uri), prefix=prefix or None).collect()
        return sorted(each["path"] for each in found)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """URL of an S3 server, in a process of its own: clients hold the interpreter's lock while they wait."""
    if find_spec("moto") is None or find_spec("flask") is None:
        pytest.skip("moto's server is not installed (extra `dev`)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(server, f"{url}/moto-api/")
        yield url
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """An empty bucket, and the environment that leads to it."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    name = f"b{uuid.uuid4().hex}"
    httpx.put(f"{s3_server}/{name}").raise_for_status()
    return Bucket(f"s3://{name}", s3_server)


def _wait(server: "subprocess.Popen[bytes]", url: str) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            httpx.get(url, timeout=1)
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    pytest.skip(f"the S3 server did not start within {START_SECONDS} s")
