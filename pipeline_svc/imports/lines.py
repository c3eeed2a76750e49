"""Bytes into lines: numbered, bounded in length, and honest about a last line that may be cut off."""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

LONGEST_BYTES = 64 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
HELD_BYTES = LONGEST_BYTES + len(BYTE_ORDER_MARK) + 2
"""As much of a line as shows that it is too long, though a mark and half a line break be taken from it."""

Fault = Literal["", "too_long", "cut_off"]


class Line(NamedTuple):
    """A line without its line break (LF or CR LF). Of one that is too long only the beginning is kept."""

    number: int
    raw: bytes
    fault: Fault = ""


def split_lines(chunks: Iterable[bytes]) -> Iterator[Line]:
    """The lines of a stream, whatever the sizes of its chunks; at most a chunk and 64 KiB are held at a time.

    A last line without a line break is marked `cut_off`: the file may have ended in the middle of a figure.
    """
    number, rest = 0, b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for raw in whole:
            number += 1
            yield _line(number, raw)
        rest = rest[:HELD_BYTES]
    line = _line(number + 1, rest)
    if line.fault:
        yield line
    elif line.raw.strip():
        yield line if rest.endswith(b"\r") else line._replace(fault="cut_off")


def _line(number: int, raw: bytes) -> Line:
    if number == 1:
        raw = raw.removeprefix(BYTE_ORDER_MARK)
    raw = raw.removesuffix(b"\r")
    if len(raw) > LONGEST_BYTES:
        return Line(number, raw[:LONGEST_BYTES], "too_long")
    return Line(number, raw)
