"""Ways in which rows and files go wrong.

Here: a mutator changes rows before they are written, or the bytes of the file. Not here: what must hold
nevertheless (`batch`).
"""

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from random import Random

from backports import zstd

from engagement_pipeline_tests.fuzz.good import FORMATS, NESTED, Row, rows, written

WRONG: list[object] = [
    *(None, True, 0, -1, 2**63, -(2**64), 10**400, 0.1, 1e308, 1e-320, float("nan"), float("inf")),
    *(
        "",
        " ",
        "null",
        "NaN",
        "inf",
        "-0",
        "1e999",
        "0x10",
        "9" * 400,
        "\x00",
        "a\x00b",
        "\ud800",
        "\u2028",
        "\ufeff",
    ),
    *(
        "2026-02-30T00:00:00Z",
        "0000-00-00",
        "99999-01-01T00:00:00Z",
        "-1",
        "2026-04-01T25:61:61Z",
        "1970-01-01",
    ),
    *("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2026-04-01T00:00:00.1234567890123Z"),
    *(
        "9223372036854775807",
        "-9223372036854775808",
        "1e400",
        "=cmd()",
        "'; drop table events; --",
        "\U0001f600" * 50,
    ),
    *([], {}, [[]], {"": ""}, [1, "a", None], {"id": {"id": {"id": 1}}}, {"a.b": 1}),
]
JUNK = [
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\r",
    b"\n",
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\\u",
    b"\\ud800",
    b"\t",
]
JUNK += [
    b"x^",
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"(\xb5/\xfd",
    b"NaN",
    b"1e999",
    b"-",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"null",
    b"PAR1",
    b"Obj\x01",
]
PACKERS: list[Callable[[bytes], bytes]] = [gzip.compress, zstd.compress, bz2.compress, lzma.compress]


# --- rows -------------------------------------------------------------------------------------------


def _wrong_value(made: list[Row], draw: Random) -> list[Row]:
    for row in draw.sample(made, draw.randrange(1, len(made) + 1)):
        row[draw.choice(list(row))] = draw.choice(WRONG)
    return made


def _one_column_wrong(made: list[Row], draw: Random) -> list[Row]:
    name, value = draw.choice(list(made[0])), draw.choice(WRONG)
    return [{**row, name: value} for row in made]


def _shuffled_columns(made: list[Row], draw: Random) -> list[Row]:
    return [dict(draw.sample(list(row.items()), len(row))) for row in made]


def _missing_fields(made: list[Row], draw: Random) -> list[Row]:
    name = draw.choice(list(made[0]))
    return [{key: value for key, value in row.items() if key != name or draw.random() < 0.5} for row in made]


def _more_fields(made: list[Row], draw: Random) -> list[Row]:
    names = draw.choice(
        [["raw", "row_number", "batch"], ["text.value", "from.id"], ["", " "], ["x" * 500], ["A", "a"]]
    )
    return [{**row, **{name: draw.choice(WRONG[:20]) for name in names}} for row in made]


def _repeated_rows(made: list[Row], draw: Random) -> list[Row]:
    return made + draw.sample(made, draw.randrange(1, len(made) + 1))


def _huge_field(made: list[Row], draw: Random) -> list[Row]:
    row = draw.choice(made)
    row[draw.choice(list(row))] = draw.choice(["x", "\u00e9", '"', "\\", "[", "\n"]) * draw.choice(
        [10**4, 10**6]
    )
    return made


def _deep(made: list[Row], draw: Random) -> list[Row]:
    value: object = 1
    for _ in range(draw.choice([20, 60, 200, 400])):
        value = [value] if draw.random() < 0.5 else {"d": value}
    draw.choice(made)[draw.choice(["context", "user", "id", "new"])] = value
    return made


ROWS = [
    *(_wrong_value, _one_column_wrong, _shuffled_columns, _missing_fields, _more_fields),
    *(_repeated_rows, _huge_field, _deep),
]

# --- bytes ------------------------------------------------------------------------------------------


def _flipped(data: bytes, draw: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice([1, 1, 3, 20])):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _replaced(data: bytes, draw: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice([1, 1, 3, 20])):
        changed[draw.randrange(len(changed))] = draw.choice([0, 255, 34, 92, 10, draw.randrange(256)])
    return bytes(changed)


def _cut_off(data: bytes, draw: Random) -> bytes:
    return data[: draw.randrange(len(data))]


def _beheaded(data: bytes, draw: Random) -> bytes:
    return data[draw.randrange(len(data)) :]


def _gap(data: bytes, draw: Random) -> bytes:
    start = draw.randrange(len(data))
    return data[:start] + data[start + draw.randrange(1, 200) :]


def _junk_within(data: bytes, draw: Random) -> bytes:
    for _ in range(draw.choice([1, 1, 2, 10])):
        at = draw.randrange(len(data) + 1)
        data = data[:at] + draw.choice(JUNK) * draw.choice([1, 1, 2, 50]) + data[at:]
    return data


def _junk_before(data: bytes, draw: Random) -> bytes:
    return draw.choice(JUNK) + data


def _repeated_part(data: bytes, draw: Random) -> bytes:
    start = draw.randrange(len(data))
    part = data[start : start + draw.randrange(1, 500)]
    return data[:start] + part * draw.choice([2, 30]) + data[start:]


def _packed(data: bytes, draw: Random) -> bytes:
    return draw.choice(PACKERS)(data)


def _packed_twice(data: bytes, draw: Random) -> bytes:
    return _packed(_packed(data, draw), draw)


def _packed_and_broken(data: bytes, draw: Random) -> bytes:
    return draw.choice([_flipped, _cut_off, _replaced, _gap])(_packed(data, draw), draw)


def _zipped(data: bytes, draw: Random) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", draw.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
        for number in range(draw.choice([1, 1, 2, 0])):
            archive.writestr(f"{number}.txt", data)
    return draw.choice([_flipped, _cut_off, lambda same, _: same])(file.getvalue(), draw)


def _in_another_encoding(data: bytes, draw: Random) -> bytes:
    return data.decode("utf-8", errors="replace").encode(
        draw.choice(["utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "utf-8-sig"]), errors="replace"
    )


def _nothing(data: bytes, draw: Random) -> bytes:
    return draw.choice([b"", b"\n", b" ", b"\x00" * 100, b"\xef\xbb\xbf", b"\r\n" * 9, draw.randbytes(300)])


def _another_format(data: bytes, draw: Random) -> bytes:
    other = draw.choice(FORMATS)
    foreign = written(other, rows(other, "foreign", draw))
    return draw.choice([foreign, data + foreign, foreign + data])


def _repeated_keys(data: bytes, draw: Random) -> bytes:
    key = draw.choice([b'"id":', b'"at":', b'"user":', b'"context":'])
    return data.replace(key + b" ", key + draw.choice([b"1,", b"null,", b'{"id":1},', b'"x",']) + key + b" ")


def _very_deep(data: bytes, draw: Random) -> bytes:
    depth = draw.choice([100, 900, 1_020, 1_030, 100_000])
    opening, closing = draw.choice([(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
    deep = opening * depth + b"1" + closing * draw.choice([depth, depth, 0])
    at = data.find(b'"context": ')
    return data[: at + 11] + deep + b', "rest": ' + data[at + 11 :] if at > 0 else deep + data


def _line_ends(data: bytes, draw: Random) -> bytes:
    return data.replace(b"\n", draw.choice([b"\r\n", b"\r", b"\n\n", b"\n\r", b"\x0b", b"\xe2\x80\xa8"]))


BYTES = [
    *(_flipped, _replaced, _cut_off, _beheaded, _gap, _junk_within, _junk_before, _repeated_part, _packed),
    *(_packed_twice, _packed_and_broken, _zipped, _in_another_encoding, _nothing, _another_format),
    *(_repeated_keys, _very_deep, _line_ends),
]


def mutated(form: str, name: str, draw: Random) -> tuple[bytes, str]:
    """A broken file, and how it was broken."""
    made, done = rows(form, name, draw), []
    if draw.random() < 0.5:
        for change in draw.choices(ROWS, k=draw.choice([1, 1, 2])):
            made = change(made, draw)
            done.append(change.__name__)
    try:
        data = written(form, made)
    except Exception as error:  # noqa: BLE001 - the format has no place for such a row: its bytes are broken instead
        done = [f"unwritten {type(error).__name__}"]
        data = written(form, rows(form, name, draw))
    if not done or draw.random() < 0.3 or done[0].startswith("unwritten"):
        for change in draw.choices(BYTES, k=draw.choice([1, 1, 1, 2])):
            data = change(data or b" ", draw)
            done.append(change.__name__)
    return data, " ".join(done)


__all__ = ["BYTES", "NESTED", "ROWS", "mutated"]
