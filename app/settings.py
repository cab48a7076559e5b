"""Every knob of the engine, read from the environment and from `.env` (real variables win).

`.env.example` explains each name; an unusable value is one sentence, never a traceback.
"""

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

CLONE = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """A sentence for the person who set the variable."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    engine_mode: Literal["local", "production"] = "local"
    engine_home: Path = CLONE / ".engine"

    host: str = "127.0.0.1"
    port: int = Field(3000, ge=1, le=65535)
    public_url: str | None = None
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = ()
    engine_secret: str | None = Field(None, repr=False)

    # The servers. A URL wins over its parts; neither means: the embedded server.
    database_url: str | None = None
    db_host: str | None = None
    db_port: int = Field(5432, ge=1, le=65535)
    db_username: str = "postgres"
    db_password: str = ""
    db_name: str = "order_execution_engine"
    db_pool_size: int = Field(10, ge=2, le=1000)
    redis_url: str | None = None
    redis_host: str | None = None
    redis_port: int = Field(6379, ge=1, le=65535)
    redis_password: str = ""

    # Orders
    default_slippage_bps: int = Field(50, ge=0, le=10_000)
    api_max_orders_per_min: int = Field(120, ge=0)
    queue_max_depth: int = Field(200_000, ge=1)
    queue_max_per_owner: int = Field(100_000, ge=1)
    active_order_ttl_seconds: int = Field(3600, ge=1)
    max_sockets: int = Field(20_000, ge=1)
    max_sockets_per_owner: int = Field(1_000, ge=1)

    # The worker
    worker_concurrency: int = Field(10, ge=1, le=1000)
    queue_max_per_min: int = Field(100, ge=0)
    max_attempts: int = Field(3, ge=1, le=100)
    retry_base_seconds: float = Field(2.0, gt=0, le=3600)
    lease_seconds: float = Field(5.0, ge=0.5, le=300)

    # The simulated market and chain
    mock_quote_ms: int = Field(200, ge=0, le=60_000)
    mock_execution_ms_min: int = Field(2_000, ge=0, le=600_000)
    mock_execution_ms_max: int = Field(3_000, ge=0, le=600_000)
    mock_block_ms: int = Field(400, ge=1, le=60_000)
    mock_failure_rate: float = Field(0.0, ge=0, le=1)
    mock_seed: int = 1

    metrics_need_key: bool = False
    worker_metrics_host: str = "127.0.0.1"
    worker_metrics_port: int = Field(0, ge=0, le=65535)

    log_format: Literal["auto", "console", "json"] = "auto"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @property
    def postgres_dsn(self) -> str | None:
        """The database for asyncpg, whatever dialect prefix the environment used; None: embed one."""
        if self.database_url:
            _, _, rest = self.database_url.partition("://")
            return f"postgresql://{rest}"
        if self.db_host:
            user, password = quote(self.db_username, safe=""), quote(self.db_password, safe="")
            login = f"{user}:{password}" if password else user
            return f"postgresql://{login}@{self.db_host}:{self.db_port}/{quote(self.db_name, safe='')}"
        return None

    @property
    def redis_dsn(self) -> str | None:
        """The Redis server; None: embed one."""
        if self.redis_url:
            return self.redis_url
        if self.redis_host:
            login = f":{quote(self.redis_password, safe='')}@" if self.redis_password else ""
            return f"redis://{login}{self.redis_host}:{self.redis_port}/0"
        return None


def load(**overrides: Any) -> Settings:
    """The settings of this process; `overrides` win over the environment."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"{name}: {first['msg'].lower()}") from None
