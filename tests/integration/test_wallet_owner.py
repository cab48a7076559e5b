"""One owner has the wallet of a real chain. What a real chain does not have yet, or must not have, is refused."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from app import main
from app.network import open_network
from app.orders.reconciling.chains import refuse_other_chains
from app.orders.steps import ClaimRefused
from app.orders.store.writes import OrderStore
from app.settings import SettingsError
from tests.engine import Engine, running_engine
from tests.integration.test_access import PRODUCTION, new_key, trust_test_servers

LIMIT: dict[str, Any] = {"orderType": "limit", "limitPrice": "999"}
SNIPER: dict[str, Any] = {
    "tokenOut": "FVuPVXNMQDmxEPBYL2Ce6C6pCYWKCmy6oKRkrBmF7mYF",
    "orderType": "sniper",
    "limitPrice": "500",
    "trigger": {"event": "pool_created"},
}
REAL: dict[str, Any] = {"chain_id": lambda: "genesis", "may_drill": False, "has_launches": False}


@pytest.fixture
async def real(monkeypatch: pytest.MonkeyPatch, postgres_dsn: str, redis_dsn: str) -> AsyncIterator[Engine]:
    """An API that takes the simulated market for that of a real chain."""
    monkeypatch.setattr(main, "open_network", lambda settings: replace(open_network(settings), **REAL))
    async with running_engine(postgres_dsn, redis_dsn) as engine:
        yield engine


async def code_of(engine: Engine, path: str = "/api/orders/execute", **fields: Any) -> tuple[int, str]:
    answer = await engine.http.post(path, json={"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1.5"} | fields)
    return answer.status_code, answer.json().get("code")


async def test_orders_of_others_have_no_wallet(
    monkeypatch: pytest.MonkeyPatch, postgres_dsn: str, redis_dsn: str
) -> None:
    foreign: dict[str, Any] = {"wallet_owner": "somebody"}
    monkeypatch.setattr(main, "open_network", lambda settings: replace(open_network(settings), **foreign))
    async with running_engine(postgres_dsn, redis_dsn) as engine:
        assert await code_of(engine) == (403, "no_wallet")
        assert await code_of(engine, **LIMIT) == (403, "no_wallet")
        orders = {"orders": [{"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1"}]}
        answer = await engine.http.post("/api/orders/batch", json=orders)
        assert (answer.status_code, answer.json()["code"]) == (403, "no_wallet")
        assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 0


async def test_only_its_owner_and_operators_use_up_the_quota_that_orders_need(
    monkeypatch: pytest.MonkeyPatch, postgres_dsn: str, redis_dsn: str
) -> None:
    of_desk: dict[str, Any] = {"wallet_owner": "desk"}
    monkeypatch.setattr(main, "open_network", lambda settings: replace(open_network(settings), **of_desk))
    trust_test_servers(monkeypatch)
    held = {who: await new_key(postgres_dsn, who, operator=who == "op") for who in ("desk", "op", "ann")}
    answers = {}
    async with running_engine(postgres_dsn, redis_dsn, **PRODUCTION) as engine:
        for who, key in held.items():
            pair = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1"}
            answer = await engine.http.get("/api/quotes", params=pair, headers={"Authorization": f"Bearer {key}"})
            answers[who] = answer.status_code, answer.json().get("code")
    assert answers == {"desk": (200, None), "op": (200, None), "ann": (403, "no_wallet")}


async def test_no_drills_and_no_snipers_on_a_real_chain(real: Engine) -> None:
    answer = await real.http.post("/test/dlq")
    assert (answer.status_code, answer.json()["code"]) == (403, "simulation_only")
    assert await code_of(real, **SNIPER) == (422, "not_supported_on_chain")


async def test_an_order_that_waits_needs_a_price_of_its_pair(
    monkeypatch: pytest.MonkeyPatch, postgres_dsn: str, redis_dsn: str
) -> None:
    silent = REAL | {"mids": lambda *_: {}}
    monkeypatch.setattr(main, "open_network", lambda settings: replace(open_network(settings), **silent))
    async with running_engine(postgres_dsn, redis_dsn) as engine:
        assert await code_of(engine, **LIMIT) == (422, "not_supported_on_chain")


async def test_a_worker_of_another_chain_leaves_the_order_alone(real: Engine) -> None:
    order = await real.place()
    [row] = await real.postgres.fetch("SELECT id, chain FROM orders")
    assert (str(row["id"]), row["chain"]) == (order["orderId"], "genesis")
    with pytest.raises(SettingsError, match=r"^CHAIN: 1 orders .* another chain \(genesis\)"):
        await refuse_other_chains(real.postgres, None)
    await refuse_other_chains(real.postgres, "genesis")
    refused = await OrderStore(real.postgres).claim(row["id"], start_by=2**40)
    assert isinstance(refused, ClaimRefused)
    taken = await OrderStore(real.postgres, chain="genesis").claim(row["id"], start_by=2**40)
    assert not isinstance(taken, ClaimRefused)
