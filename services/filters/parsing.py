"""From the text of a filter to its tree, within the limits of the language; which fields exist is not known here."""

import json
import re
import unicodedata
from decimal import Decimal
from functools import cache, lru_cache
from typing import cast

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken, v_args

from services.filters.tree import AllOf, AnyOf, Comparison, DaysAgo, Filter, FilterError, Me, Negation, Now, Operator, Written

MAX_BYTES = 2048
"""The longest filter, in bytes of UTF-8."""

MAX_TERMS = 50
"""The most comparisons in one filter."""

MAX_DEPTH = 5
"""The most parentheses and NOTs around one comparison."""

MAX_DAYS = 36_500
"""The largest n of `days_ago(n)`, either way: a hundred years, so that no instant leaves the calendar."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_WORDS: dict[str, Written] = {"null": None, "true": True, "false": False, "me": Me(), "now": Now()}
_NAMES = {
    "FIELD": "a field",
    "NOT": "NOT",
    "OPERATOR": "one of = != < <= > >= :",
    "TEXT": "a value",
    "OPEN": "(",
    "_CLOSE": ")",
    "_AND": "AND",
    "_OR": "OR",
    "$END": "the end",
}

_Part = tuple[Filter, int]
"""A part of the tree and how many parentheses and NOTs it holds one inside another."""

_Value = tuple[Written, int]
"""A value and the column it stands at."""


@lru_cache(maxsize=1024)
def parse_filter(text: str) -> Filter | None:
    """The tree of a filter, or None for an empty one, which lets everything through.

    Trees are immutable and the last 1,024 are kept. Raises FilterError for anything that is not in the language (see
    `docs/filter-language.md`) or is larger than it allows: 2 KB of UTF-8, 50 comparisons, 5 parentheses or NOTs around one.
    """
    _check_storable(text, 0)
    if len(encoded := text.encode()) > MAX_BYTES:
        fitting = encoded[:MAX_BYTES].decode(errors="ignore")
        raise FilterError(f"a filter is at most {MAX_BYTES} bytes long", len(fitting))
    if not text.strip(" \t\r\n"):
        return None
    try:
        return cast(Filter, _parser().parse(text))
    except UnexpectedInput as error:
        raise _unexpected(error, text) from None


@cache
def _parser() -> Lark:
    return Lark.open("grammar.lark", rel_to=__file__, parser="lalr", lexer="contextual", transformer=_Builder())


@v_args(inline=True)
class _Builder(Transformer[Token, Filter]):
    """Builds the tree while the parser goes, bottom-up: no recursion, however deep the input is."""

    def start(self, part: _Part) -> Filter:
        tree = part[0]
        if len(terms := _comparisons(tree)) > MAX_TERMS:
            raise FilterError(f"a filter has at most {MAX_TERMS} comparisons", terms[MAX_TERMS].field_at)
        return tree

    def all_of(self, *parts: _Part) -> _Part:
        return AllOf(tuple(tree for tree, _ in parts)), max(depth for _, depth in parts)

    def any_of(self, *parts: _Part) -> _Part:
        return AnyOf(tuple(tree for tree, _ in parts)), max(depth for _, depth in parts)

    def negation(self, word: Token, part: _Part) -> _Part:
        return Negation(part[0]), _deeper(part, word)

    def group(self, bracket: Token, part: _Part) -> _Part:
        return part[0], _deeper(part, bracket)

    def comparison(self, field: Token, operator: Token, value: _Value) -> _Part:
        written, at = value
        sign = cast(Operator, str(operator))
        return Comparison(str(field), sign, written, field_at=_at(field), operator_at=_at(operator), value_at=at), 0

    def text(self, token: Token) -> _Value:
        return _unquoted(token), _at(token)

    def number(self, token: Token) -> _Value:
        number = Decimal(token)
        return (whole if (whole := int(number)) == number else number), _at(token)

    def word(self, token: Token) -> _Value:
        if token not in _WORDS:
            raise FilterError(f"'{token}' is no value: text stands in double quotes", _at(token))
        return _WORDS[token], _at(token)

    def days_ago(self, name: Token, _bracket: Token, number: Token) -> _Value:
        if name != "days_ago":
            raise FilterError(f"there is no function '{name}', only days_ago(n)", _at(name))
        if "." in number or len(number) > len(str(-MAX_DAYS)) or abs(int(number)) > MAX_DAYS:
            raise FilterError(f"days_ago takes a whole number of days, at most {MAX_DAYS} either way", _at(number))
        return DaysAgo(int(number)), _at(name)


def _at(token: Token) -> int:
    return token.start_pos or 0


def _deeper(part: _Part, opener: Token) -> int:
    depth = part[1] + 1
    if depth > MAX_DEPTH:
        raise FilterError(f"more than {MAX_DEPTH} parentheses and NOTs lie one inside another", _at(opener))
    return depth


def _comparisons(tree: Filter) -> list[Comparison]:
    """All comparisons from left to right; the depth of the tree is limited, and so is the recursion."""
    match tree:
        case Comparison():
            return [tree]
        case Negation(part):
            return _comparisons(part)
        case AllOf(parts) | AnyOf(parts):
            return [each for part in parts for each in _comparisons(part)]


def _unquoted(token: Token) -> str:
    try:
        text: str = json.loads(token, strict=False)  # JSON's escapes; a line break may stand for itself
    except json.JSONDecodeError as error:
        escape = token.rindex("\\", 0, error.pos + 1)
        raise FilterError('an escape in text is one of \\" \\\\ \\/ \\b \\f \\n \\r \\t \\u0000', _at(token) + escape) from None
    _check_storable(text, _at(token), whole=True)
    return unicodedata.normalize("NFC", text)


def _check_storable(text: str, start: int, *, whole: bool = False) -> None:
    """Raise for what no PostgreSQL text can hold; the error is about the character, or about `start` where the text is a `whole`."""
    if found := _UNSTORABLE.search(text):
        raise FilterError("text cannot hold NUL characters and lone surrogates", start if whole else start + found.start())


def _unexpected(error: UnexpectedInput, text: str) -> FilterError:
    if isinstance(error, UnexpectedCharacters):
        return FilterError(_stray(error.char), error.pos_in_stream or 0)
    assert isinstance(error, UnexpectedToken)
    token: Token = error.token
    expected = error.accepts or error.expected
    hopes = [name for terminal, name in _NAMES.items() if terminal in expected]
    hope = " or ".join(hopes)
    if token.type == "$END":
        return FilterError(f"the filter ends too early: expected {hope}", len(text))
    if token.type in {"_AND", "_OR"} and expected & {"_AND", "_OR"}:
        return FilterError("AND and OR on one level need parentheses", _at(token))
    if token.upper() in {"AND", "OR"} and expected & {"_AND", "_OR"}:
        return FilterError(f"write {token.upper()} in capitals", _at(token))
    return FilterError(f"unexpected '{token}': expected {hope}", _at(token))


def _stray(character: str) -> str:
    if character == '"':
        return "the text that starts here has no closing quote"
    if character == "'":
        return "text stands in double quotes"
    return f"unexpected character '{character}'"
