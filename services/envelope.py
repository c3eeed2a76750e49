"""The envelope of an event on its way: CloudEvents 1.0 with Mitra's extensions, in structured JSON."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.encoding import encode

MAX_BYTES = 256 * 1024


class UndecodableEvent(ValueError):
    """The bytes are not a structured CloudEvent of ours; the record belongs on the dead-letter topic."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event with its routing attributes. `time` is when it happened, `recorded_at` when we learnt it (both UTC)."""

    id: UUID
    type: str
    source: str
    subject: str
    tenant_id: UUID
    sequence: int
    partition_key: str
    time: datetime
    recorded_at: datetime
    actor: str
    correlation_id: str
    causation_id: str | None
    traceparent: str | None
    data: dict[str, Any]

    def to_json(self) -> bytes:
        """The structured CloudEvents JSON of this event, as it stands in outbox, bus, journal and stream."""
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": self.id,
            "type": self.type,
            "source": self.source,
            "subject": self.subject,
            "time": self.time,
            "datacontenttype": "application/json",
            "dataschema": f"/events/{self.type}.json",
            "tenantid": self.tenant_id,
            "sequence": self.sequence,
            "partitionkey": self.partition_key,
            "recordedtime": self.recorded_at,
            "actor": self.actor,
            "correlationid": self.correlation_id,
        }
        if self.causation_id is not None:
            event["causationid"] = self.causation_id
        if self.traceparent is not None:
            event["traceparent"] = self.traceparent
        event["data"] = self.data
        return encode(event)

    @classmethod
    def from_json(cls, raw: bytes | str) -> "Envelope":
        """The event in `raw`. Raises UndecodableEvent when it is not one of ours."""
        try:
            event = orjson.loads(raw)
            return cls(
                id=UUID(event["id"]),
                type=str(event["type"]),
                source=str(event["source"]),
                subject=str(event["subject"]),
                tenant_id=UUID(event["tenantid"]),
                sequence=int(event["sequence"]),
                partition_key=str(event["partitionkey"]),
                time=datetime.fromisoformat(event["time"]),
                recorded_at=datetime.fromisoformat(event["recordedtime"]),
                actor=str(event["actor"]),
                correlation_id=str(event["correlationid"]),
                causation_id=event.get("causationid"),
                traceparent=event.get("traceparent"),
                data=dict(event["data"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UndecodableEvent(f"not an event of ours: {error!r:.200}") from error
