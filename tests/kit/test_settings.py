"""Settings: read once from the environment, handed on as an argument."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.settings import Settings, plain_url


def test_without_an_environment_everything_is_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"MITRA_{name.upper()}", raising=False)
    found = Settings()
    assert (found.database_url, found.folder, found.host, found.port, found.fail_points) == ("", Path(".mitra"), "127.0.0.1", 8000, {})


def test_each_setting_has_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MITRA_PORT", "9000")
    monkeypatch.setenv("MITRA_FOLDER", "/srv/mitra")
    monkeypatch.setenv("MITRA_FAIL_POINTS", '{"write.before_event": 0.5}')
    monkeypatch.setenv("MITRA_SERVICE_URLS__CONTACTS", "http://contacts:8001")
    monkeypatch.setenv("MITRA_NOBODY_KNOWS_THIS", "1")
    found = Settings()
    assert (found.port, found.keys_folder) == (9000, Path("/srv/mitra/keys"))
    assert (found.fail_points, found.service_urls) == ({"write.before_event": 0.5}, {"contacts": "http://contacts:8001"})


def test_a_wrong_value_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MITRA_PORT", "eight")
    with pytest.raises(ValidationError, match="port"):
        Settings()


def test_one_url_stands_for_the_databases_of_all_services() -> None:
    settings = Settings(
        database_url="postgresql+asyncpg://mitra_app:s@db/mitra_{service}",
        owner_database_url="postgresql+asyncpg://mitra_owner:s@{service}.db/crm",
    )
    assert settings.database("contacts") == "postgresql+asyncpg://mitra_app:s@db/mitra_contacts"
    assert settings.owner_database("pipeline") == "postgresql+asyncpg://mitra_owner:s@pipeline.db/crm"
    assert plain_url(settings.database("contacts")) == "postgresql://mitra_app:s@db/mitra_contacts"
    assert plain_url("postgresql://a/b") == "postgresql://a/b"
