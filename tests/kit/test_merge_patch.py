"""JSON merge patch: the table of RFC 7396, its laws, and a patch on a record."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from services.merge_patch import apply_patch, merge

# RFC 7396, appendix A: original, patch, result
TABLE = r"""
{"a":"b"}            {"a":"c"}                      {"a":"c"}
{"a":"b"}            {"b":"c"}                      {"a":"b","b":"c"}
{"a":"b"}            {"a":null}                     {}
{"a":"b","b":"c"}    {"a":null}                     {"b":"c"}
{"a":["b"]}          {"a":"c"}                      {"a":"c"}
{"a":"c"}            {"a":["b"]}                    {"a":["b"]}
{"a":{"b":"c"}}      {"a":{"b":"d","c":null}}       {"a":{"b":"d"}}
{"a":[{"b":"c"}]}    {"a":[1]}                      {"a":[1]}
["a","b"]            ["c","d"]                      ["c","d"]
{"a":"b"}            ["c"]                          ["c"]
{"a":"foo"}          null                           null
{"a":"foo"}          "bar"                          "bar"
{"e":null}           {"a":1}                        {"e":null,"a":1}
[1,2]                {"a":"b","c":null}             {"a":"b"}
{}                   {"a":{"bb":{"ccc":null}}}      {"a":{"bb":{}}}
"""
ROWS = [tuple(json.loads(part) for part in line.split()) for line in TABLE.strip().splitlines()]

scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2)
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=12
)


def without_nulls(value: Any) -> Any:
    """A document as merge patch can express it: no member of an object is null."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return value


@pytest.mark.parametrize(("original", "patch", "result"), ROWS)
def test_the_table_of_the_rfc(original: Any, patch: Any, result: Any) -> None:
    assert merge(original, patch) == result


@given(documents, documents)
def test_a_patch_applied_twice_is_applied_once(target: Any, patch: Any) -> None:
    """Law: merge(merge(t, p), p) = merge(t, p)."""
    assert merge(merge(target, patch), patch) == merge(target, patch)


@given(documents)
def test_the_empty_patch_changes_no_object(target: Any) -> None:
    """Law: merge(t, {}) = t for every object t."""
    assert merge({"a": target}, {}) == {"a": target}


@given(documents, documents)
def test_what_a_patch_does_not_name_stays(target: Any, patch: Any) -> None:
    """Law: a key that the patch does not name keeps its value, one that it names as null is gone."""
    merged = merge({"a": target, "z": target}, {"a": patch})
    assert merged["z"] == target
    assert ("a" in merged) is (patch is not None)


@given(documents, documents)
def test_neither_document_is_changed_by_a_merge(target: Any, patch: Any) -> None:
    """Law: merge leaves its arguments as they were."""
    before = json.dumps([target, patch])
    merge(target, patch)
    assert json.dumps([target, patch]) == before


@given(documents, documents)
def test_every_document_without_nulls_can_be_reached(source: Any, wanted: Any) -> None:
    """Law: from any object to any object without null members there is a patch (null for what goes, the rest by value)."""
    source, wanted = {"a": source}, without_nulls({"b": wanted})
    assert merge(source, dict.fromkeys(source) | wanted) == without_nulls(merge({}, wanted))


class Address(BaseModel):
    city: str | None = None
    street: str | None = None


class Patch(BaseModel):
    label: str = ""
    note: str | None = None
    custom: dict[str, Any] | None = None
    address: Address | None = None


@dataclass
class Row:
    label: str = "lamp"
    note: str | None = "old"
    custom: dict[str, Any] | None = None
    address: dict[str, Any] | None = None


def patched(row: Row, **sent: Any) -> tuple[bool, Row]:
    return apply_patch(row, Patch.model_validate(sent)), row


def test_only_what_was_sent_is_changed_and_null_clears() -> None:
    assert patched(Row(), note=None) == (True, Row(note=None))
    assert patched(Row(), label="desk") == (True, Row(label="desk"))
    assert patched(Row()) == (False, Row())


def test_what_is_there_already_changes_nothing() -> None:
    assert patched(Row(), label="lamp", note="old") == (False, Row())
    assert patched(Row(custom={"a": {"b": 1}}), custom={"a": {"b": 1}, "c": None}) == (False, Row(custom={"a": {"b": 1}}))


def test_an_object_merges_by_key() -> None:
    before = {"tier": "gold", "size": {"w": 1, "h": 2}}
    assert patched(Row(custom=before), custom={"tier": None, "size": {"w": 3}, "new": 1}) == (
        True,
        Row(custom={"size": {"w": 3, "h": 2}, "new": 1}),
    )
    assert before == {"tier": "gold", "size": {"w": 1, "h": 2}}
    assert patched(Row(address={"city": "Ulm", "street": "A 1"}), address={"street": None}) == (True, Row(address={"city": "Ulm"}))


def test_the_nulls_of_an_object_are_not_stored_where_there_was_none() -> None:
    assert patched(Row(), custom={"tier": None, "size": {"w": None, "h": 2}}) == (True, Row(custom={"size": {"h": 2}}))
