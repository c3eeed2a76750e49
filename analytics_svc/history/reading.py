"""The history as one table to ask: what the Delta table holds, and the facts that are not in it yet. Only child processes and commands
load this.
"""

import io
import tempfile
from pathlib import Path
from uuid import UUID

import ibis
import pyarrow as pa
from ibis.backends.duckdb import Backend
from ibis.expr.types import Table

from analytics_svc.history import lake
from analytics_svc.history.flushing import Connection, bound

BUFFER = f"SELECT {lake.COLUMNS} FROM fact WHERE batch_no IS NULL OR batch_no > $1"  # noqa: S608 - our own columns
MEMORY = "512MB"
THREADS = 2
SCHEMA = ibis.Schema.from_pyarrow(lake.SCHEMA)


def engine() -> Backend:
    """DuckDB in memory, bounded, spilling into the folder for temporary files; it downloads nothing."""
    return ibis.duckdb.connect(
        threads=THREADS,
        memory_limit=MEMORY,
        temp_directory=tempfile.gettempdir(),
        autoinstall_known_extensions=False,
        autoload_known_extensions=False,
    )


async def history_of(connection: Connection, folder: Path, duckdb: Backend, tenant_id: UUID) -> Table:
    """All facts of a tenant, each once, in the columns of `lake.SCHEMA`.

    The table is opened first and stays at its version; then one statement reads the facts of later batches and those of none. Facts are
    never taken away, so each stands in exactly one of the two, and together they are what that statement's snapshot holds.
    """
    table = lake.opened(folder)
    copied = io.BytesIO()
    async with bound(connection, tenant_id):
        await connection.copy_from_query(BUFFER, lake.batch_of(table), output=copied, format="csv")
    buffer = _typed(kept(duckdb, "buffer", lake.rows_of(copied.getvalue())))
    files = [] if table is None else table.file_uris()
    if not files:
        return buffer
    moved = _typed(duckdb.read_parquet(files, hive_partitioning=True))
    return ibis.union(moved.filter(moved.tenant_id == str(tenant_id)), buffer)


def _typed(table: Table) -> Table:
    return table.select(lake.SCHEMA.names).cast(dict(SCHEMA.items()))


def kept(duckdb: Backend, name: str, rows: pa.Table) -> Table:
    """Rows as a table of the engine, to be asked more than once. (Ibis' own `cache` and `create_table` need a DROP that DuckDB refuses.)"""
    duckdb.con.register(name, rows)
    return duckdb.table(name)


def rows(duckdb: Backend, expression: Table) -> pa.Table:
    """What an expression gives."""
    found: pa.Table = duckdb.to_pyarrow(expression)
    return found
