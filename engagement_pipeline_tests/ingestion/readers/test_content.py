"""How files come packed."""

import bz2
import gzip
import io
import lzma
import sys
import zipfile
from pathlib import Path

import pytest

from engagement_pipeline.ingestion.readers import UnreadableFile
from engagement_pipeline_tests.ingestion.readers.files import read

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PACKERS = {"gzip": gzip.compress, "zstd": zstd.compress, "bzip2": bz2.compress, "xz": lzma.compress}
LINES = b"".join(b'{"n":%d}\n' % (number * 7919) for number in range(5_000))


def zipped(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("form", ["csv", "jsonl", "json"])
def test_packed_text_is_found_out_by_its_content(tmp_path: Path, packer: str, form: str) -> None:
    plain = read(tmp_path, LINES, form)
    assert len(plain) >= 4_999
    packed = PACKERS[packer]
    assert read(tmp_path, packed(LINES), form, name="a.csv") == plain
    middle = LINES.index(b"\n", 1_000) + 1
    assert read(tmp_path, packed(LINES[:middle]) + packed(LINES[middle:]), form) == plain
    assert read(tmp_path, packed(b""), form) == []


def test_names_that_lie_do_no_harm(tmp_path: Path) -> None:
    assert read(tmp_path, b'{"n":1}', "jsonl", name="plain.jsonl.gz") == [(1, '{"n":1}')]
    assert read(tmp_path, b"BZh,b\n1,2\n", "csv") == [(1, '{"BZh":"1","b":"2"}')]


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("form", ["csv", "jsonl", "json"])
def test_a_packed_file_that_is_cut_off_is_refused_whole(tmp_path: Path, packer: str, form: str) -> None:
    whole = PACKERS[packer](LINES)
    for cut in (whole[: len(whole) // 2], whole[:-3]):
        with pytest.raises(UnreadableFile, match=r"cut\.gz cannot be read: the file is cut off.*again"):
            read(tmp_path, cut, form, name="cut.gz")


@pytest.mark.parametrize("packer", PACKERS)
def test_a_packed_file_with_a_broken_byte_is_refused_or_read_whole(tmp_path: Path, packer: str) -> None:
    whole = bytearray(PACKERS[packer](LINES))
    whole[len(whole) // 2] ^= 0xFF
    if packer == "zstd":  # has no checksum unless asked for one: what unpacks is what there is
        whole = whole[: len(whole) // 2] + b"\xff" * 40 + whole[len(whole) // 2 :]
    with pytest.raises(UnreadableFile, match="cut off or damaged"):
        read(tmp_path, bytes(whole), "jsonl")


def test_a_zip_of_one_file_is_read_and_others_are_refused(tmp_path: Path) -> None:
    one = zipped(("__MACOSX/._a", b"x"), ("folder/", b""), ("folder/a.jsonl", LINES))
    assert read(tmp_path, one, "jsonl") == read(tmp_path, LINES, "jsonl")
    with pytest.raises(UnreadableFile, match=r"a zip of 2 files.*one file"):
        read(tmp_path, zipped(("a", LINES), ("b", LINES)), "jsonl")
    with pytest.raises(UnreadableFile, match="cut off or damaged"):
        read(tmp_path, one[:-9], "jsonl")


def test_a_zip_that_cannot_be_unpacked_is_refused(tmp_path: Path) -> None:
    whole = zipped(("a", LINES))
    broken = bytearray(whole)
    broken[whole.rindex(b"PK\x01\x02") + 10] = 99  # the method
    with pytest.raises(UnreadableFile, match="a zip that cannot be unpacked"):
        read(tmp_path, bytes(broken), "jsonl")
