"""The bytes of a file: found out how it is packed, unpacked, and turned to UTF-8, chunk by chunk.

Here: compression and encodings. Not here: what the text says (the formats' own modules).
"""

import bz2
import codecs
import gzip
import lzma
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, cast

from engagement_pipeline.ingestion.readers.rows import Unreadable

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CHUNK = 8 * 1024 * 1024
"""Bytes read at once; polars parses a chunk on all cores."""
PACKED: dict[bytes, Callable[[Path], object]] = {
    b"\x1f\x8b": gzip.open,
    b"\x28\xb5\x2f\xfd": zstd.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
"""How a file begins, and what opens it: names lie (`.gz` is often plain behind a web server)."""
BLOCK_OF_BZIP = (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")
ZIP = b"PK\x03\x04"
MARKS = {  # UTF-32 first: its mark begins with UTF-16's
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
BROKEN = (EOFError, OSError, zlib.error, lzma.LZMAError, zstd.ZstdError, zipfile.BadZipFile)
"""What unpacking raises when a file is cut off or damaged."""


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file's content, unpacked if it is packed. Raises Unreadable for a zip that is not of one file."""
    with path.open("rb") as probe:
        head = probe.read(10)
    if head.startswith(ZIP):
        with ExitStack() as stack:
            yield _unzipped(path, stack)
        return
    with cast("IO[bytes]", _opener(head)(path)) as file:
        yield file


def _opener(head: bytes) -> Callable[[Path], object]:
    for magic, opener in PACKED.items():
        if head.startswith(magic) and (magic != b"BZh" or head[4:10] in BLOCK_OF_BZIP):
            return opener
    return lambda path: path.open("rb")


def _unzipped(path: Path, stack: ExitStack) -> IO[bytes]:
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
        return stack.enter_context(archive.open(_only_member(archive)))
    except (NotImplementedError, RuntimeError, ValueError, OverflowError, struct.error) as error:
        raise Unreadable(
            f"it is a zip that cannot be unpacked ({error})", "Have it packed again, with deflate say"
        ) from error


def _only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [
        each for each in archive.infolist() if not each.is_dir() and not each.filename.startswith("__MACOSX/")
    ]
    if len(members) != 1:
        raise Unreadable(
            f"it is a zip of {len(members)} files", "Deliver a zip of one file, or the files as they are"
        )
    if members[0].flag_bits & 1:
        raise Unreadable("it is a zip with a password", "Deliver it without one")
    return members[0]


def text_chunks(path: Path, encoding: str = "utf-8") -> Iterator[bytes]:
    """The text in UTF-8 without a byte order mark, in chunks of about CHUNK bytes, cut anywhere.

    UTF-8 is passed on unchecked. Raises Unreadable for text that is not in the declared encoding.
    """
    with opened(path) as file:
        chunk = file.read(CHUNK)
        mark = next((each for each in MARKS if chunk.startswith(each)), b"")
        found = MARKS.get(mark, encoding)
        if found == "utf-8":
            chunk = chunk[len(mark) :]
            while chunk:
                yield chunk
                chunk = file.read(CHUNK)
            return
        decoder = codecs.getincrementaldecoder(found)("strict")
        try:
            while chunk:
                if text := decoder.decode(chunk):
                    yield text.encode("utf-8", errors="surrogatepass")
                chunk = file.read(CHUNK)
            yield decoder.decode(b"", final=True).encode()
        except UnicodeError as error:
            raise Unreadable(
                f"its text is not in the encoding {found} ({error})",
                "Declare the one it has: `csv: {encoding: ...}`",
            ) from error
