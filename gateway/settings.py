"""The gateway's own settings, read from the environment (`MITRA_GATEWAY_…`) when the front is built."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class GatewaySettings(BaseSettings):
    """Limits and waiting times of the door."""

    model_config = SettingsConfigDict(env_prefix="MITRA_GATEWAY_", extra="ignore")

    requests_per_second: float = Field(2_000.0, gt=0, description="how fast the bucket of a key fills")
    burst: int = Field(4_000, ge=1, description="how many requests of a key may come at once")
    most_body_bytes: int = Field(32 * 1024 * 1024, description="a larger request body is refused")
    key_seconds: float = Field(3.0, description="how long a key is believed before it is read again: a revocation elsewhere acts within it")
    unknown_key_seconds: float = Field(2.0, description="how long a prefix that names no key is remembered")
    connect_seconds: float = Field(2.0, description="how long a service may take to accept a connection")
    silence_seconds: float = Field(60.0, description="how long a service may say nothing before its request is given up")
    most_connections: int = Field(200, description="connections to each service that is not in this process")
