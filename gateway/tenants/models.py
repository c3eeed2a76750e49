"""The table of tenants. (What every service keeps of a tenant is the kit's table `tenant`.)"""

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base, Record


class HostedTenant(Record, Base):
    """A tenant; its `tenant_id` is its own id, so that row-level security shows a tenant itself and nobody else."""

    __tablename__ = "hosted_tenant"
    __table_args__ = (Index("ix_hosted_tenant_created", "tenant_id", "created_at", "id"),)
    name: Mapped[str]
    time_zone: Mapped[str]
    currency: Mapped[str]
    status: Mapped[str]
    activity_window_days: Mapped[int] = mapped_column(server_default=text("365"))
