"""What analytics is told besides what every service is, read from the environment (`MITRA_ANALYTICS_…`) when it is needed."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.settings import Settings


class AnalyticsSettings(BaseSettings):
    """Where the history is, and how long a question to it may take."""

    model_config = SettingsConfigDict(env_prefix="MITRA_ANALYTICS_", extra="ignore")

    history_folder: Path | None = Field(None, description="the Delta table; web and worker must both reach it; empty: MITRA_FOLDER/history")
    question_seconds: float = Field(30.0, gt=0, description="how long a question to the history may take")


def history_folder(settings: Settings) -> Path:
    """Where the Delta table of facts is."""
    return (AnalyticsSettings().history_folder or settings.folder / "history").absolute()
