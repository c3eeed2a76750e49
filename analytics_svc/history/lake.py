"""The Delta table of facts: one commit a batch, each batch once, a folder a month. Only child processes and commands load this."""

import io
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from services.failpoints import reach

APPLICATION = "facts"
KEEP_HOURS = 7 * 24
INSTANT = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        ("tenant_id", pa.string()),
        ("subject", pa.string()),
        ("sequence", pa.int64()),
        ("kind", pa.string()),
        ("contact_id", pa.string()),
        ("occurred_at", INSTANT),
        ("occurred_on", pa.date32()),
        ("recorded_at", INSTANT),
        ("currency", pa.string()),
        ("amount_minor", pa.int64()),
        ("margin_minor", pa.int64()),
        ("status", pa.string()),
        ("placed_on", pa.date32()),
        ("is_test", pa.bool_()),
        ("paid_minor", pa.int64()),
        ("refunded_minor", pa.int64()),
        ("attributes", pa.string()),
        ("batch_no", pa.int64()),
        ("month", pa.string()),
    ]
)
"""What an order has in common stands in columns of its own, since to take it out of `attributes` costs a question more than the rest."""
COLUMNS = """
tenant_id, subject, sequence, kind, contact_id, (extract(epoch FROM occurred_at) * 1000000)::bigint AS occurred_at, occurred_on,
(extract(epoch FROM recorded_at) * 1000000)::bigint AS recorded_at, currency, amount_minor, margin_minor,
attributes ->> 'status' AS status, (attributes ->> 'placed_on')::date AS placed_on, (attributes ->> 'is_test')::boolean AS is_test,
(attributes ->> 'paid_minor')::bigint AS paid_minor, (attributes ->> 'refunded_minor')::bigint AS refunded_minor,
attributes, batch_no, to_char(occurred_on, 'YYYY-MM') AS month
"""
"""The columns of SCHEMA as PostgreSQL's COPY writes them; instants as microseconds, which no setting of a session changes."""
_CONVERT = pa.csv.ConvertOptions(
    column_types={name: pa.int64() if kind == INSTANT else kind for name, kind in zip(SCHEMA.names, SCHEMA.types, strict=True)},
    true_values=["t"],
    false_values=["f"],
    null_values=[""],
    strings_can_be_null=True,
    quoted_strings_can_be_null=False,
)
_READ = pa.csv.ReadOptions(column_names=SCHEMA.names)


def rows_of(copied: bytes) -> pa.Table:
    """Facts as PostgreSQL's `COPY (SELECT COLUMNS …) TO … CSV` wrote them."""
    if not copied:
        return SCHEMA.empty_table()
    parsing = pa.csv.ParseOptions(newlines_in_values=True)
    return pa.csv.read_csv(io.BytesIO(copied), read_options=_READ, parse_options=parsing, convert_options=_CONVERT).cast(SCHEMA)


def opened(folder: Path) -> DeltaTable | None:
    """The table as it is now, or None where there is none yet."""
    return DeltaTable(folder) if DeltaTable.is_deltatable(str(folder)) else None


def created(folder: Path) -> DeltaTable:
    """The table, made where it is missing. Its log is kept as long as the files that it no longer names."""
    kept = {"delta.logRetentionDuration": f"interval {KEEP_HOURS} hours"}
    return DeltaTable.create(str(folder), SCHEMA, mode="ignore", partition_by=["month"], configuration=kept)


def batch_of(table: DeltaTable | None) -> int:
    """The last batch that a table holds; 0 before the first."""
    return 0 if table is None else table.transaction_version(APPLICATION) or 0


def append(folder: Path, rows: pa.Table, batch_no: int) -> bool:
    """Append a batch unless the table holds it already; answers whether it did.

    The batch is compared on the very handle that the append commits with, and Delta refuses the commit when another of the same application
    came between. So a batch is in the table once, whoever repeats it.
    """
    table = created(folder)
    if batch_of(table) >= batch_no:
        return False
    reach("flush.before_append")
    once = CommitProperties(app_transactions=[Transaction(APPLICATION, batch_no)])
    write_deltalake(table, rows, mode="append", commit_properties=once)
    reach("flush.after_append")
    return True


def forget(folder: Path) -> None:
    """Have no table any more: at one stroke, for whoever opens it and wherever a kill comes, and then its files one by one."""
    log, forgotten = folder / "_delta_log", folder / "_forgotten"
    shutil.rmtree(forgotten, ignore_errors=True)
    if log.exists():
        log.rename(forgotten)
    reach("rebuild.table_hidden")
    shutil.rmtree(folder, ignore_errors=True)


def tidy(folder: Path) -> dict[str, int]:
    """Make few files of many, and delete the files and log entries that nobody has read for a week; answers how many of each."""
    table = opened(folder)
    if table is None:
        return {"files_added": 0, "files_removed": 0, "files_deleted": 0}
    compacted = table.optimize.compact()
    deleted = table.vacuum(retention_hours=KEEP_HOURS, dry_run=False, full=True)  # full: also what a killed append left behind
    table.create_checkpoint()
    table.cleanup_metadata()
    return {"files_added": compacted["numFilesAdded"], "files_removed": compacted["numFilesRemoved"], "files_deleted": len(deleted)}
