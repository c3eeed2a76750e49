"""A long purchase log that is made while it is read, and how much an importer grows over it."""

import subprocess
from collections.abc import Iterator
from typing import BinaryIO

import psutil

from tests.journeys.company import Company, environment

ROWS_AT_ONCE = 10_000
OPTIONS = ("--columns", "customer,date,quantity,amount", "--currency", "USD", "--tz", "America/New_York", "--quiet")


def grow(company: Company, key: str, size: int) -> list[int]:
    """The resident bytes of an importer after each tenth of a stream of `size` bytes of which the parser refuses 99 % of the rows."""
    command = company.command("import", "purchases", "-", *OPTIONS, "--label", "stream", "--url", company.url, "--key", key)
    process = subprocess.Popen(
        command, cwd=company.folder, env=environment(company.folder), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert process.stdin is not None
    resident = list(_feed(process.stdin, size, psutil.Process(process.pid)))
    assert process.wait() == 3
    return resident


def _feed(sink: BinaryIO, size: int, importer: psutil.Process) -> Iterator[int]:
    written = number = 0
    for tenth in range(1, 11):
        while written < size * tenth // 10:
            written += sink.write(b"".join(_line(number + place) for place in range(ROWS_AT_ONCE)))
            number += ROWS_AT_ONCE
        yield int(importer.memory_info().rss)
    sink.close()


def _line(number: int) -> bytes:
    if number % 100:
        return b"%08d 1998-02-30 1 11.77\r\n" % number
    day = number // 100
    return b"%08d 1998%02d%02d %d %d.99\r\n" % (number, 1 + day % 12, 1 + day % 28, 1 + day % 3, day % 97)
