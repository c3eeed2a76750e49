"""What words are given, and what can be wrong with it. (`rendering` does it; it takes 12 MB that a process at rest has no use for.)"""

from collections.abc import Mapping

Values = Mapping[str, object]


class MissingVariable(Exception):
    """The words need a value that there is not."""


class BrokenTemplate(Exception):
    """The words are no Liquid, or ask for more work than a mail may take; says what is wrong."""
