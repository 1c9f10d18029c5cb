"""Webhooks against a real server: one that fails twice, hangs, answers 500 for ever, redirects or refuses."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from engagement_pipeline.delivery.webhook import TRIES, WebhookFailed, post

SECRET = "s3cr3t-t0ken"
CONTENT = {"alert": "cooling", "people": [{"person_id": "müller", "drop": 4.5}]}


class Receiver:
    """A server on this machine; `answers` are its statuses one by one, the last one for ever; 0 hangs."""

    def __init__(self, *answers: int) -> None:
        self.answers, self.asked, self.done = list(answers), [], threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.asked.append((self.path, dict(self.headers), json.loads(body)))
                status = receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0]
                if not status:
                    receiver.done.wait(5)
                    return
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    @property
    def env(self) -> dict[str, str]:
        return {"HOOK": f"http://127.0.0.1:{self.server.server_port}/hooks/{SECRET}?token={SECRET}"}

    def close(self) -> None:
        self.done.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Callable[..., Receiver]]:
    opened: list[Receiver] = []

    def open_one(*answers: int) -> Receiver:
        opened.append(Receiver(*answers))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


def tell(there: Receiver, timeout: float = 5.0) -> int:
    return post("HOOK", CONTENT, "key-1", timeout, there.env, wait=0.01)


def test_it_is_told_once(receiver: Callable[..., Receiver]) -> None:
    there = receiver(204)
    assert tell(there) == 1
    [(path, headers, body)] = there.asked
    assert path == f"/hooks/{SECRET}?token={SECRET}"
    assert body == CONTENT
    assert (headers["Idempotency-Key"], headers["Content-Type"]) == ("key-1", "application/json")


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_one_that_fails_twice_is_told_with_the_same_key(
    receiver: Callable[..., Receiver], status: int
) -> None:
    there = receiver(status, status, 200)
    assert tell(there) == 3
    assert [headers["Idempotency-Key"] for _, headers, _ in there.asked] == ["key-1"] * 3


def test_one_that_answers_500_for_ever_is_given_up_in_words(receiver: Callable[..., Receiver]) -> None:
    there = receiver(500)
    with pytest.raises(
        WebhookFailed, match=rf"the webhook \$HOOK was not told, {TRIES} times: it answered 500"
    ):
        tell(there)
    assert len(there.asked) == TRIES


def test_one_that_hangs_is_not_waited_for(receiver: Callable[..., Receiver]) -> None:
    there, began = receiver(0), time.monotonic()
    with pytest.raises(WebhookFailed, match=r"did not answer within 0\.1 s"):
        tell(there, timeout=0.1)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("status", [400, 401, 404, 302])
def test_a_refusal_is_not_tried_again(receiver: Callable[..., Receiver], status: int) -> None:
    there = receiver(status)
    with pytest.raises(WebhookFailed, match=f"it answered {status}"):
        tell(there)
    assert len(there.asked) == 1


def test_nobody_there(receiver: Callable[..., Receiver]) -> None:
    there = receiver(200)
    there.server.server_close()
    with pytest.raises(WebhookFailed, match=r"it cannot be reached \(ConnectError\)"):
        tell(there)


@pytest.mark.parametrize(
    "address",
    ["", "  ", f"hooks/{SECRET}", f"file:///{SECRET}", f"ftp://{SECRET}/", "https://", f"http://h:{SECRET}/"],
)
def test_what_is_no_address_is_refused_without_being_shown(address: str) -> None:
    with pytest.raises(WebhookFailed, match="the environment variable HOOK") as failed:
        post("HOOK", CONTENT, "key", 1.0, {"HOOK": address})
    assert SECRET not in str(failed.value)


@pytest.mark.parametrize("answers", [(204,), (500,), (404,), (302,), (0,)])
def test_the_address_is_in_no_error_and_no_log(
    receiver: Callable[..., Receiver], answers: tuple[int, ...], caplog: pytest.LogCaptureFixture
) -> None:
    there, said = receiver(*answers), ""
    with caplog.at_level(logging.DEBUG):
        try:
            tell(there, timeout=0.1)
        except WebhookFailed as failed:
            chain: BaseException | None = failed
            while chain is not None:
                said += repr(chain)
                chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
        said += caplog.text
    assert SECRET not in said
    assert str(there.server.server_port) not in said
    with caplog.at_level(logging.DEBUG), pytest.raises(httpx.HTTPError):
        httpx.get("http://127.0.0.1:1/")  # what is logged otherwise is as it was
