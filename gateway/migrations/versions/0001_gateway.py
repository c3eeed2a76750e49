"""Tenants, users, teams, keys and the journal."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.migrating import protect

revision = "gateway_0001"
down_revision = None
branch_labels = None
depends_on = None


def _bookkeeping() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("partition_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
    ]


def upgrade() -> None:
    op.create_table(
        "hosted_tenant",
        *_bookkeeping(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
    )
    op.create_index("ix_hosted_tenant_created", "hosted_tenant", ["tenant_id", "created_at", "id"])
    op.create_table(
        "tenant_user",
        *_bookkeeping(),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=True),
        sa.Column("roles", postgresql.JSONB(), nullable=False),
        sa.Column("team_ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("manager_id", sa.Uuid(), nullable=True),
    )
    op.create_index("uq_tenant_user_email", "tenant_user", ["tenant_id", "email"], unique=True)
    op.create_index("ix_tenant_user_created", "tenant_user", ["tenant_id", "created_at", "id"])
    op.create_table(
        "team",
        *_bookkeeping(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
    )
    op.create_index("ix_team_created", "team", ["tenant_id", "created_at", "id"])
    op.create_index("ix_team_name", "team", ["tenant_id", "name", "id"])
    op.create_table(
        "key",
        *_bookkeeping(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("scopes", postgresql.JSONB(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index("uq_key_prefix", "key", ["prefix"], unique=True)
    op.create_index("ix_key_created", "key", ["tenant_id", "created_at", "id"])
    op.create_table(
        "journal_head",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "journal_entry",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("seq", sa.BigInteger(), primary_key=True),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
    )
    op.create_index("uq_journal_entry_subject", "journal_entry", ["tenant_id", "subject", "sequence"], unique=True)
    op.create_index("ix_journal_entry_type", "journal_entry", ["tenant_id", "type", "seq"])
    for table in ("hosted_tenant", "tenant_user", "team", "journal_head", "journal_entry"):
        protect(table)


def downgrade() -> None:
    for table in ("journal_entry", "journal_head", "key", "team", "tenant_user", "hosted_tenant"):
        op.drop_table(table)
