"""JSON posted to an address that only the environment knows.

Here: the POST, its retries, and errors in words. The address may hold a secret, so it stands in no error, no
log and no metadata: a webhook is called by the name of its variable. Not here: what is posted (`alerts`).
"""

import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

TRIES = 4
WAIT_SECONDS = 1.0
"""Before the second try; twice as long before each of the next."""
AGAIN = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
"""Answers that may be others the next time, as all from 500 on; the other ones will not be."""


class WebhookFailed(Exception):  # noqa: N818  the words are what the reader sees
    """A webhook could not be told; it is safe to tell it again."""


class _Passing(Exception):  # noqa: N818
    """A failure that may pass."""


def post(
    url_env: str,
    content: Mapping[str, Any],
    key: str,
    timeout: float,
    env: Mapping[str, str] | None = None,
    wait: float = WAIT_SECONDS,
) -> int:
    """Posts the content to the address in the variable; gives how many tries it took.

    key: stands in the header `Idempotency-Key` of every try. An answer of 2xx is a success; of 408, 425, 429
    or from 500 on, or none within `timeout` seconds, it is tried again, `TRIES` times in all; redirections
    are not followed. Raises WebhookFailed.
    """
    address = _address(url_env, os.environ if env is None else env)
    body = json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        "User-Agent": "engagement-pipeline",
    }
    retrying = Retrying(
        retry=retry_if_exception_type(_Passing),
        stop=stop_after_attempt(TRIES),
        wait=wait_exponential(multiplier=wait),
        reraise=True,
    )
    tries = 0
    try:
        with _silent(), httpx.Client(timeout=timeout, follow_redirects=False) as client:
            for attempt in retrying:
                with attempt:
                    tries += 1
                    _once(client, url_env, address, body, headers, timeout)
    except _Passing as failed:
        raise WebhookFailed(
            f"the webhook ${url_env} was not told, {TRIES} times: {failed}. Nothing is lost: it is told when "
            "it answers; see to it, then materialize this again or wait for the sensor."
        ) from None
    return tries


def _once(
    client: httpx.Client,
    name: str,
    address: httpx.URL,
    body: bytes,
    headers: Mapping[str, str],
    timeout: float,
) -> None:
    # Never `from error`: httpx's own words may hold the address.
    try:
        # Of the answer only the first line counts; a body may be of any length.
        with client.stream("POST", address, content=body, headers=headers) as answer:
            status = answer.status_code
    except httpx.TimeoutException:
        raise _Passing(f"it did not answer within {timeout:g} s") from None
    except httpx.HTTPError as error:
        raise _Passing(f"it cannot be reached ({type(error).__name__})") from None
    if httpx.codes.is_success(status):
        return
    if status in AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise _Passing(f"it answered {status}")
    more = " (a redirection: write the address that it leads to)" if httpx.codes.is_redirect(status) else ""
    raise WebhookFailed(
        f"the webhook ${name} refused what it was told: it answered {status}{more}. Mend the address or the "
        "receiver, then materialize this again; the delivery stays due."
    )


def _address(name: str, env: Mapping[str, str]) -> httpx.URL:
    text = env.get(name, "").strip()
    if not text:
        raise WebhookFailed(
            f"the environment variable {name} is not set: it holds the address of the webhook. Set it where "
            "Dagster runs, then materialize this again; the delivery stays due."
        )
    try:
        address = httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError):
        address = httpx.URL("")
    if address.scheme not in ("http", "https") or not address.host:
        raise WebhookFailed(
            f"what the environment variable {name} holds is no address: it begins with https:// and a host. "
            "It is not shown, because it may hold a secret."
        )
    return address


@contextmanager
def _silent() -> Iterator[None]:
    """httpx logs every address that it asks, at a level that many programs print."""
    loggers = [logging.getLogger(name) for name in ("httpx", "httpcore")]
    levels = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)
