"""The settings of a process, read once from the environment (`MITRA_…`) by the command and handed on as an argument."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What every deployable needs. `{service}` in a database URL stands for the service's name."""

    model_config = SettingsConfigDict(env_prefix="MITRA_", env_nested_delimiter="__", extra="ignore")

    database_url: str = Field("", description="PostgreSQL as the role mitra_app; empty: the embedded server")
    owner_database_url: str = Field("", description="PostgreSQL as the role mitra_owner, for migrations")
    admin_database_url: str = Field("", description="PostgreSQL as a superuser: `mitra migrate` makes missing roles and databases with it")
    bus_url: str = Field("", description="the bus: a PostgreSQL database, or kafka://host:port[,host:port][?replicas=3&partitions=12]")
    folder: Path = Field(Path(".mitra"), description="where the embedded server, the key pairs and the demo key live")
    services_path: str = Field("", description="further folders in which services stand, separated by ':'")
    worker_name: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._-]{0,249}$",
        description="on Kafka: this worker's own name, the same at each start: it has its partitions back at once (docs/kafka.md)",
    )
    service_urls: dict[str, str] = Field(
        default_factory=dict,
        description="where each service answers, when not in this process: asked by the gateway, and for contacts by the workers of others",
    )
    host: str = "127.0.0.1"
    port: int = 8000
    pool_size: int = 10
    answer_seconds: float = Field(45.0, gt=0, description="how long a request may keep its session before it is given up and answered 503")
    log_level: str = "info"
    public_url: str = Field("", description="where the door is reached from outside, for links in mails; empty: http://host:port")
    smtp_url: str = Field("", description="the mail server, smtp://user:password@host:port or smtps://…; empty: mail waits")
    fail_points: dict[str, float] = Field(default_factory=dict, description="tests only: named points at which the process kills itself")
    fail_seed: int | None = None

    def database(self, service: str) -> str:
        """The SQLAlchemy URL of a service's database as mitra_app."""
        return self.database_url.replace("{service}", service)

    def owner_database(self, service: str) -> str:
        """The SQLAlchemy URL of a service's database as mitra_owner."""
        return self.owner_database_url.replace("{service}", service)

    @property
    def door(self) -> str:
        """The address of the door for those outside, without a slash at its end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def keys_folder(self) -> Path:
        """Where the key pairs of the deployables are."""
        return self.folder / "keys"


def plain_url(url: str) -> str:
    """The same URL for asyncpg itself, without SQLAlchemy's driver name."""
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)
