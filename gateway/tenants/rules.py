"""Which time zones and currencies a tenant may have."""

from functools import cache
from importlib.resources import files

import iso4217

from services.errors import invalid_field


@cache
def known_time_zones() -> frozenset[str]:
    """The names of the IANA database that we carry (the package tzdata: the same on every machine)."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="ascii").split())


def check_time_zone(name: str, pointer: str) -> None:
    """Raises Invalid for a name that is no IANA time zone."""
    if name not in known_time_zones():
        raise invalid_field(pointer, "unknown_time_zone", "This is no time zone of the IANA database, such as Europe/Berlin")


def check_currency(code: str, pointer: str) -> None:
    """Raises Invalid for a code that is no currency of ISO 4217."""
    if code not in {currency.code for currency in iso4217.Currency}:
        raise invalid_field(pointer, "unknown_currency", "This is no currency of ISO 4217, such as EUR")
