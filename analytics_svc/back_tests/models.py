"""The table of back-tests."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base


class BackTest(Base):
    """The last back-test of a model: its report, as `schemas.Calibration` shows it, and the plot (PNG)."""

    __tablename__ = "back_test"
    silent = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    model_id: Mapped[UUID] = mapped_column(primary_key=True)
    tested_at: Mapped[datetime]
    report: Mapped[dict[str, Any]]
    plot: Mapped[bytes]
