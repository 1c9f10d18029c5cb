"""Object stores: S3, Google Cloud Storage and Azure, by the URI of a bucket or container.

Here: the client, and its errors in words that hold no credentials. Not here: which objects are read
(`ingestion.places`) and Delta's own access, which reads the same environment variables.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

import obstore
from obstore.exceptions import (
    BaseError,
    InvalidPathError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import ObjectStore, from_url

from engagement_pipeline.catalog.paths import split_uri, store_of

STATUS = re.compile(r"status code: (\d{3})")
NAMES = {"s3": "S3", "gcs": "Google Cloud Storage", "azure": "Azure"}
VARIABLES = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, with AWS_ENDPOINT_URL for a store of "
    "your own",
    "gcs": "GOOGLE_SERVICE_ACCOUNT or GOOGLE_APPLICATION_CREDENTIALS",
    "azure": "AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN",
}


class StoreUnreachable(Exception):  # noqa: N818  the words are what the reader sees
    """An object store, or an object, that cannot be read or written."""


class ObjectRefused(StoreUnreachable):
    """The store answers, and does not give it: no permission, or it is archived."""


class ObjectGone(ObjectRefused):
    """The object is not there, or not any more."""


@lru_cache(maxsize=100)
def open_store(base: str) -> ObjectStore:
    """The client of `scheme://bucket`; credentials and endpoint come from the environment alone."""
    with in_words(base):
        # A tick of a sensor has 60 s for everything. Client options would replace those of the environment.
        return from_url(base, retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20)})


def upload(source: Path, uri: str) -> None:
    """Copies a local file to an object, in pieces where it is big. Raises StoreUnreachable."""
    base, key = split_uri(uri)
    with in_words(uri):
        obstore.put(open_store(base), key, source)


@contextmanager
def in_words(uri: str) -> Iterator[None]:
    """Turns the client's errors, which may quote signed requests, into StoreUnreachable for `uri`."""
    try:
        yield
    except (BaseError, OSError, ValueError) as error:
        raise _said(uri, error) from None


def _said(uri: str, error: Exception) -> StoreUnreachable:
    kind = store_of(uri)
    status = STATUS.search(str(error))
    code = status[1] if status else ""
    if isinstance(error, FileNotFoundError | NotFoundError):
        return ObjectGone(f"{uri} is not there")
    if isinstance(error, InvalidPathError):
        return StoreUnreachable(
            f"{uri} holds an object with an empty folder (`//`) in its key: move it, or read a narrower path"
        )
    if isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError) or code in (
        "401",
        "403",
    ):
        return ObjectRefused(
            f"{NAMES.get(kind, kind)} lets us not read or write {uri}: check the credentials in the "
            f"environment ({VARIABLES.get(kind, '')}) and what they are allowed to do"
        )
    if code == "404":
        return StoreUnreachable(f"{uri} is not there: check the name of the bucket")
    because = f"it answered with status {code}" if code else "it does not answer"
    return StoreUnreachable(
        f"{uri} cannot be reached ({because}): check the endpoint, the region and the network; "
        f"{NAMES.get(kind, kind)} is set up by {VARIABLES.get(kind, '')}"
    )
