"""The compose files of production, in the order of docs/deploying.md."""

import secrets
from collections.abc import Iterator

import pytest

from tests.acceptance.stack import eventually
from tests.compose.project import PRODUCTION, SLOW, Project

PASSWORDS = ("DB_PASSWORD", "REDIS_PASSWORD", "ENGINE_SECRET")
ADDRESSES = {"ALLOWED_ORIGINS": "https://app.desk.test", "PUBLIC_URL": "https://engine.desk.test"}

SENTENCE = (
    "engine: DATABASE_URL: the database 'order_execution_engine' at postgres:5432 refused the password of postgres. A "
    "database keeps the password that it was made with: set DB_PASSWORD to it, or change it there first (ALTER ROLE).\n"
)


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Its database is migrated, and nothing else runs yet."""
    settings = {name: secrets.token_hex(32) for name in PASSWORDS}
    project = Project(tmp_path_factory.mktemp("production"), PRODUCTION, **settings, **ADDRESSES)
    try:
        project.build()
        project.compose("run", "--rm", "migrate")
        yield project
    finally:
        project.close()


@pytest.fixture(scope="module")
def key(production: Project) -> dict[str, str]:
    made = production.compose("run", "--rm", "--no-TTY", "migrate", "engine", "keys", "create", "--owner", "alice")
    production.up()
    return {"authorization": f"Bearer {made.split()[-1]}"}


def test_orders_of_those_with_a_key_are_filled_and_no_others_are_taken(
    production: Project, key: dict[str, str]
) -> None:
    assert production.http.get("/api/orders").status_code == 401
    order = production.place(**key)
    eventually(lambda: production.status(order, **key) == "confirmed", within=SLOW)


def test_redis_answers_only_to_its_password(production: Project, key: dict[str, str]) -> None:
    ask = ("exec", "--no-TTY", "redis", "redis-cli")
    assert "NOAUTH" in production.compose(*ask[:3], "env", "--unset=REDISCLI_AUTH", "redis-cli", "ping")
    assert production.compose(*ask, "--user", "engine", "ping") == "PONG\n"
    assert "NOPERM" in production.compose(*ask, "--user", "engine", "config", "get", "maxmemory")


def test_after_a_new_password_the_log_of_migrate_says_what_to_do(production: Project, key: dict[str, str]) -> None:
    order = production.place(**key)
    eventually(lambda: production.status(order, **key) == "confirmed", within=SLOW)
    production.compose("down")
    changed = {name: secrets.token_hex(32) for name in PASSWORDS}
    production.configure(PORT=str(production.port), **changed, **ADDRESSES)

    with pytest.raises(AssertionError, match='"migrate" didn\'t complete successfully: exit 1'):
        production.up()
    assert SENTENCE in production.compose("logs", "--no-log-prefix", "migrate")

    change = f"ALTER ROLE postgres PASSWORD '{changed['DB_PASSWORD']}'"
    production.compose("exec", "--no-TTY", "postgres", "psql", "-U", "postgres", "-c", change)
    production.up()
    assert production.status(order, **key) == "confirmed"
