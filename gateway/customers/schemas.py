"""The wire shapes of a customer as the gateway tells of one."""

from gateway.journal.schemas import Version


class TimelineEntry(Version):
    """One thing that happened with the customer: which record it befell, and the version that the record had after it."""

    subject: str
