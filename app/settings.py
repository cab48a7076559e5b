"""All settings, from the environment and from a file `.env` (environment variables win).

`.env.example` explains each one. An invalid value is one sentence, never a traceback.
"""

import os
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

CLONE = Path(__file__).resolve().parent.parent
IS_CLONE = (CLONE / "pyproject.toml").exists()  # not installed from a wheel


def _default_home() -> Path:
    """In a clone, or the user's state directory: an upgrade replaces what is in site-packages."""
    if IS_CLONE:
        return CLONE / ".engine"
    named = os.environ.get("XDG_STATE_HOME", "")
    # os.path: a user without a home directory is no error here.
    state = named if os.path.isabs(named) else os.path.expanduser("~/.local/state")
    return Path(state) / "order-execution-engine"


def _env_file() -> Path:
    """Of the current directory in a clone. Elsewhere that may be another project's, with its DATABASE_URL."""
    return Path(".env") if IS_CLONE else Path(os.environ.get("ENGINE_HOME") or _default_home()) / ".env"


ENV_FILE = _env_file()


def where_set() -> str:
    return f"in the environment or in {ENV_FILE.absolute()}"


class SettingsError(Exception):
    """A sentence that names the setting and says what is wrong with it."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=ENV_FILE, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    engine_mode: Literal["local", "production"] = "local"  # production: callers need keys; see app/preflight
    engine_home: Path = Field(default_factory=_default_home)  # data, logs and state of `engine up`

    host: str = "127.0.0.1"
    port: int = Field(3000, ge=1, le=65535)
    public_url: str | None = None  # for the URLs in responses; None: the Host of the request
    trust_network: bool = False  # local mode: HOST may be more than loopback; everyone who reaches it may trade
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = ()  # of browsers; separated by commas
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()  # names of the engine beside those of the URLs; commas
    engine_secret: str | None = Field(None, repr=False)  # signs tickets and events; the same in every process

    # The servers. A URL wins over the single values. Neither: `engine up` starts an embedded server.
    database_url: str | None = None
    database_read_url: str | None = None  # a replica, for lists, dead letters and the pace; None: DATABASE_URL
    db_host: str | None = None
    db_port: int = Field(5432, ge=1, le=65535)
    db_username: str = "postgres"
    db_password: str = ""
    db_name: str = "order_execution_engine"
    db_pool_size: int = Field(10, ge=3, le=1000)  # connections per process
    redis_url: str | None = None
    redis_host: str | None = None
    redis_port: int = Field(6379, ge=1, le=65535)
    redis_password: str = ""
    redis_sentinels: Annotated[tuple[str, ...], NoDecode] = ()  # host:port, commas: they know where the primary is
    redis_master: str = Field("mymaster", min_length=1)  # what the Sentinels call it
    redis_sentinel_password: str = Field("", repr=False)  # of the Sentinels themselves

    # Orders
    default_slippage_bps: int = Field(50, ge=0, le=10_000)  # of an order that names none
    max_slippage_bps: int = Field(10_000, ge=0, le=10_000)  # most that an order may name
    api_max_orders_per_min: int = Field(120, ge=0)  # per caller; 0: no limit
    api_max_reads_per_min: int = Field(1200, ge=0)  # per caller and API process; 0: no limit
    max_order_usd: int = Field(1_000_000, ge=0, le=10**12)  # most dollars that one order may be worth; 0: no limit
    max_daily_usd: int = Field(0, ge=0, le=10**12)  # the same for all orders of one owner in one UTC day; 0: no limit
    min_notional_usd: int = Field(1, ge=0, le=10**12)  # least dollars that an order that waits may be worth
    min_slice_seconds: int = Field(10, ge=1, le=86_400)  # between two slices of an order
    max_open_per_owner: int = Field(10_000, ge=1)  # orders that wait
    queue_max_depth: int = Field(200_000, ge=1)  # orders under way, all owners together
    queue_max_per_owner: int = Field(100_000, ge=1)  # orders under way
    active_order_ttl_seconds: int = Field(3600, ge=1)  # how long Redis keeps events for replay, from the last event
    max_sockets: int = Field(20_000, ge=1)  # per API process
    max_sockets_per_owner: int = Field(1_000, ge=1)

    # Webhooks
    webhook_concurrency: int = Field(5, ge=1, le=100)  # orders of which events are sent to one webhook at once
    webhook_max_per_second: int = Field(50, ge=1, le=1000)  # events sent to one webhook

    # The worker
    worker_concurrency: int = Field(10, ge=1, le=1000)  # orders at once in one worker
    queue_max_per_min: int = Field(100, ge=0)  # start limit: in any 60 s, all workers together; 0: no limit
    max_attempts: int = Field(3, ge=1, le=100)
    retry_base_seconds: float = Field(2.0, gt=0, le=3600)  # before the second attempt; doubled each time
    lease_seconds: float = Field(5.0, ge=0.5, le=300)  # how long a worker that stopped renewing keeps its orders

    # The chain. `solana_settings.py` says which of these go together.
    chain: Literal["mock", "solana"] = "mock"
    solana_cluster: Literal["localnet", "devnet", "mainnet-beta"] | None = None  # which chain the nodes have to be of
    solana_rpc_url: Annotated[tuple[str, ...], NoDecode] = Field((), repr=False)  # may hold a key; commas
    solana_wallet: str | None = None  # its address; quotes need no key
    solana_owner: str = "local"  # whose orders trade with the wallet; in local mode it has this name
    solana_former_wallets: Annotated[tuple[str, ...], NoDecode] = ()  # that paid before the key was changed; commas
    solana_keypair: SecretStr | None = None  # a file with mode 0600, or its text; for the worker only
    venues: Literal["jupiter", "raydium"] = "jupiter"  # who builds the swaps
    jupiter_url: str = "https://api.jup.ag/swap/v2"
    jupiter_api_key: SecretStr | None = None
    jupiter_requests_per_second: float = Field(1.0, gt=0, le=1000)
    raydium_url: str = "https://transaction-v1.raydium.io"
    markets_file: Path | None = None  # tokens, and pools with their vaults; None: the built-in ones
    allowed_mints: Annotated[tuple[str, ...], NoDecode] = ()  # tokens that may be traded; empty: all listed ones
    max_priority_fee_lamports: int = Field(100_000, ge=0, le=10**9)  # of one transaction
    max_daily_fee_lamports: int = Field(500_000_000, ge=0, le=10**12)  # of all swaps of one UTC day; 0: no limit
    max_deviation_percent: int = Field(5, ge=1, le=20)  # of a quote from the mid prices of its pools
    confirm_seconds: float = Field(30.0, ge=1, le=600)  # a worker keeps a slot for a swap that it has sent
    dry_run: bool = False  # everything but the signature: each order ends as failed, with what would have happened

    # The simulated market and chain
    mock_quote_ms: int = Field(200, ge=0, le=60_000)
    mock_execution_ms_min: int = Field(2_000, ge=0, le=600_000)
    mock_execution_ms_max: int = Field(3_000, ge=0, le=600_000)
    mock_block_ms: int = Field(400, ge=1, le=60_000)  # one block of the chain; prices change once per block
    mock_failure_rate: float = Field(0.0, ge=0, le=1)  # share of sends that fail with a retryable error
    mock_seed: int = 1  # the same seed gives the same prices, delays and failures

    # Needs the extra `tracing`.
    tracing_endpoint: str | None = None  # of a collector, for OTLP over HTTP; None: tracing is off
    tracing_sample: float = Field(1.0, ge=0, le=1)  # share of the requests that begin a trace

    metrics_public: bool = False  # production mode: the API's /metrics needs no operator's key
    docs_public: bool = False  # production mode: /docs, /openapi.json and /asyncapi.json need no key
    worker_metrics_host: str = "127.0.0.1"
    worker_metrics_port: int = Field(0, ge=0, le=65535)  # 0: a worker serves no metrics
    watcher_metrics_port: int = Field(0, ge=0, le=65535)  # the same for a watcher; at WORKER_METRICS_HOST too

    log_format: Literal["auto", "console", "json"] = "auto"  # auto: JSON in production, or without a terminal
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator(
        *("allowed_origins", "allowed_hosts", "redis_sentinels"),
        *("solana_rpc_url", "solana_former_wallets", "allowed_mints"),
        mode="before",
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("redis_sentinels")
    @classmethod
    def _names_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"[\w.-]+(:\d{1,5})?", host) for host in hosts):
            raise ValueError("each Sentinel is host:port, separated by commas")
        return hosts

    @field_validator("database_url", "database_read_url")
    @classmethod
    def _is_of_postgres(cls, url: str | None) -> str | None:
        scheme, separator, _ = (url or "postgres://").partition("://")
        if separator and scheme.partition("+")[0] in ("postgres", "postgresql"):
            return url
        what = f"{scheme[:20]}:// is not Postgres" if separator else "it has no scheme"
        raise ValueError(f"{what}; the address looks like postgresql://user:password@host:5432/name")

    @field_validator("tracing_endpoint")
    @classmethod
    def _can_trace(cls, endpoint: str | None) -> str | None:
        if endpoint is None:
            return None
        if urlsplit(endpoint).scheme not in ("http", "https"):
            raise ValueError("must be a URL such as http://collector:4318/v1/traces")
        if not (find_spec("opentelemetry.sdk") and find_spec("opentelemetry.exporter")):
            raise ValueError("needs packages: pip install 'order-execution-engine[tracing]'")
        return endpoint

    @property
    def postgres_dsn(self) -> str | None:
        """The database URL for asyncpg, without a driver in its scheme. None: use an embedded server."""
        if self.database_url:
            return _without_driver(self.database_url)
        if self.db_host:
            user, password = quote(self.db_username, safe=""), quote(self.db_password, safe="")
            login = f"{user}:{password}" if password else user
            hosts = ",".join(f"{host.strip()}:{self.db_port}" for host in self.db_host.split(","))
            return f"postgresql://{login}@{hosts}/{quote(self.db_name, safe='')}"
        return None

    @property
    def postgres_read_dsn(self) -> str | None:
        return _without_driver(self.database_read_url) if self.database_read_url else None

    @property
    def redis_dsn(self) -> str | None:
        """None: use an embedded server. With Sentinels: redis+sentinel://login@sentinels/0?master=name."""
        url = self.redis_url
        if url is None and (self.redis_host or self.redis_sentinels):
            login = f":{quote(self.redis_password, safe='')}@" if self.redis_password else ""
            url = f"redis://{login}{self.redis_host or 'redis'}:{self.redis_port}/0"
        if url is None or not self.redis_sentinels or "+sentinel://" in url:
            return url
        address = urlsplit(url)
        login, at, _ = address.netloc.rpartition("@")
        named = {"master": self.redis_master, "sentinel_password": self.redis_sentinel_password}
        query = "&".join(filter(None, (address.query, urlencode({name: one for name, one in named.items() if one}))))
        scheme, hosts = f"{address.scheme}+sentinel", ",".join(self.redis_sentinels)
        return urlunsplit((scheme, f"{login}{at}{hosts}", address.path, query, ""))


def _without_driver(url: str) -> str:
    return f"postgresql://{url.partition('://')[2]}"


def load(**overrides: Any) -> Settings:
    """The settings of this process; `overrides` win over the environment."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError("\n".join(map(_sentence, error.errors()))) from None


def _sentence(error: Mapping[str, Any]) -> str:
    name = "_".join(str(part) for part in error["loc"]).upper()
    own = error.get("ctx", {}).get("error")  # of a validator here
    return f"{name}: {own or error['msg'].lower()}"
