"""The one form in which each kind of contact data is kept; every function answers None for what it cannot read, and f(f(x)) = f(x)."""

import re
import unicodedata
from functools import cache
from importlib.resources import files

import iso4217
import phonenumbers

MAX_EMAIL_BYTES = 254
MAX_LANGUAGE = 35
_LOCAL_PART = re.compile(r"[^\s@<>()\[\]\\,;:\"]{1,64}")
_HOST_LABEL = re.compile(r"[a-z0-9\u0080-\U0010ffff](?:[a-z0-9\u0080-\U0010ffff-]{0,61}[a-z0-9\u0080-\U0010ffff])?")
_TOP_LEVEL = re.compile(r"[a-z\u0080-\U0010ffff]{2,63}|xn--[a-z0-9-]{2,59}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_WEBSITE = re.compile(r"https?://[^\s/?#@]+\.[^\s/?#@]+([/?#]\S*)?", re.IGNORECASE)
_POSSIBLE = (phonenumbers.ValidationResult.IS_POSSIBLE,)


def email_address(text: str) -> str | None:
    """`local@domain.tld`, lower-cased and in normal form C; at most 254 bytes of UTF-8."""
    address = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text.strip()).lower())
    local, _, domain = address.rpartition("@")
    labels = domain.split(".")
    sound = (
        len(address.encode()) <= MAX_EMAIL_BYTES
        and address.isprintable()
        and _LOCAL_PART.fullmatch(local)
        and not (local.startswith(".") or local.endswith(".") or ".." in local)
        and len(labels) > 1
        and all(_HOST_LABEL.fullmatch(label) for label in labels)
        and _TOP_LEVEL.fullmatch(labels[-1])
    )
    return address if sound else None


def phone_number(text: str, country: str | None) -> str | None:
    """E.164 of a number; one without `+` is a national number of `country` (ISO-3166 alpha-2).

    A number is taken when its length is possible in its numbering plan: ranges open faster than any list of them is renewed.
    """
    number = _e164(text, country)
    is_stable = number is None or number == text or _e164(number, None) == number  # some rare input sheds one prefix at each reading
    return number if is_stable else None


def _e164(text: str, country: str | None) -> str | None:
    try:
        parsed = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(parsed) not in _POSSIBLE:
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def language_tag(text: str) -> str | None:
    """A tag of the shape of BCP 47, in its customary case (`de`, `pt-BR`, `zh-Hant-TW`)."""
    if len(text) > MAX_LANGUAGE or not _LANGUAGE.fullmatch(text):
        return None
    first, *rest = text.split("-")
    return "-".join([first.lower(), *map(_subtag, rest)])


def _subtag(text: str) -> str:
    if len(text) == 2:
        return text.upper()
    return text.title() if len(text) == 4 and text.isalpha() else text.lower()


def country_code(text: str) -> str | None:
    """An ISO-3166 alpha-2 code, in capitals."""
    code = text.upper()
    return code if code in _countries() else None


def currency_code(text: str) -> str | None:
    """An ISO-4217 code, in capitals."""
    code = text.upper()
    return code if code in _currencies() else None


def time_zone(text: str) -> str | None:
    """The name of a zone of the IANA database."""
    return text if text in _zones() else None


def website(text: str) -> str | None:
    """An address of http or https with a host that has a dot; nothing else, so that a link to it can do no harm."""
    return text if text.isprintable() and _WEBSITE.fullmatch(text) else None


@cache
def _countries() -> frozenset[str]:
    lines = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8").splitlines()
    return frozenset(line.partition("\t")[0] for line in lines if not line.startswith("#"))


@cache
def _currencies() -> frozenset[str]:
    return frozenset(str(currency.code) for currency in iso4217.Currency)


@cache
def _zones() -> frozenset[str]:
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())
