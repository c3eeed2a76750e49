"""ETag and If-Match: which version a caller must have read."""

from dataclasses import dataclass

import pytest
from fastapi import Response

from services.errors import Invalid, PreconditionMissing, Stale
from services.preconditions import check_version, stamp


@pytest.mark.parametrize("if_match", ['"7"', 'W/"7"', "7", ' "7" ', "*", '"007"'])
def test_the_present_version_passes_however_it_is_written(if_match: str) -> None:
    check_version(7, if_match)


def test_without_if_match_the_version_is_asked_for() -> None:
    with pytest.raises(PreconditionMissing):
        check_version(7, None)


@pytest.mark.parametrize("if_match", ['"6"', '"8"', "0", '"70"'])
def test_another_version_is_stale_and_the_present_one_is_named(if_match: str) -> None:
    with pytest.raises(Stale, match="version 7"):
        check_version(7, if_match)


@pytest.mark.parametrize("if_match", ["", '""', "seven", '"7", "8"', "-7", "7.0", '"' + "9" * 19 + '"', "**", '"٧'])
def test_what_is_no_etag_is_refused_with_its_place(if_match: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_version(7, if_match)
    assert [(e.pointer, e.code) for e in refused.value.errors] == [("#header/If-Match", "etag")]


def test_an_answer_carries_the_version_twice() -> None:
    @dataclass
    class Thing:
        id: int
        version: int

    response = Response()
    stamp(response, "thing", Thing(3, 7))
    assert (response.headers["ETag"], response.headers["Mitra-Version"]) == ('"7"', "thing/3@7")
