"""The built TypeScript client, run by node, against a whole engine. Needs node 22 or newer: `make test-clients`."""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import orjson
import pytest

from tests.chaos.proxy import Proxy
from tests.clients.test_strange_servers import answering
from tests.engine import HAPPY, Engine, running_engine
from tests.integration.test_access import PRODUCTION, new_key, trust_test_servers

CLIENT = Path(__file__).resolve().parents[2] / "clients" / "typescript"
ORDER = '{tokenIn: "SOL", tokenOut: "USDC", amount: "1.5"}'
FAR = '{tokenIn: "SOL", tokenOut: "USDC", amount: "1.5", orderType: "limit", limitPrice: "100000"}'
HEAD = """
import * as sdk from "order-execution-client";
const client = new sdk.Client(process.argv[2], {apiKey: process.argv[3] || undefined});
"""


async def started(program: str, *arguments: str) -> asyncio.subprocess.Process:
    """A module of the package's folder, so that it finds the package by its name."""
    command = ("node", "--input-type=module", "--eval", program, "node", *arguments)
    return await asyncio.create_subprocess_exec(
        *command, cwd=CLIENT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )


async def printed(process: asyncio.subprocess.Process) -> list[str]:
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()
    return output.decode().splitlines()


async def run(program: str, *arguments: str) -> list[str]:
    return await printed(await started(HEAD + program, *arguments))


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    made = Proxy(0)
    await made.start()
    yield made
    await made.stop()


def port_of(engine: Engine) -> int:
    return int(engine.base_url.rpartition(":")[2])


async def test_the_lines_of_the_readme_do_what_it_says(engine: Engine) -> None:
    await engine.start_worker()
    blocks = re.findall(r"^```ts\n(.*?)^```$", (CLIENT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 5
    assert blocks[4] == (CLIENT / "examples" / "bot.mts").read_text()  # run by test_bots.py
    first, waits, refused = [
        await printed(await started(block.replace("http://localhost:3000", engine.base_url))) for block in blocks[:3]
    ]
    assert [line.split()[0] for line in first] == HAPPY
    assert float(first[-1].split()[1]) > 0
    assert [line.split()[1] for line in waits] == ["open"]
    assert refused == ["invalid_order /amount"]


async def test_watching_goes_on_over_a_restart_of_the_api(
    postgres_dsn: str, redis_dsn: str, primed_queue: None, proxy: Proxy
) -> None:
    url = f"http://127.0.0.1:{proxy.port}"
    program = f"""
        const orders = [await client.place({ORDER}), await client.place({ORDER})].map((order) => order.orderId);
        for await (const event of client.watch(orders)) console.log(orders.indexOf(event.orderId), event.seq);
    """
    async with running_engine(postgres_dsn, redis_dsn) as first:
        proxy.target = port_of(first)
        watching = await started(HEAD + program, url)
        assert watching.stdout
        lines = [(await watching.stdout.readline()).decode() for _ in range(2)]
        proxy.reset()
    async with running_engine(postgres_dsn, redis_dsn) as second:
        proxy.target = port_of(second)
        await second.start_worker()
        lines += await printed(watching)
    for order in "01":
        assert [line.split()[1] for line in lines if line[0] == order] == ["1", "2", "3", "4", "5"]


async def test_a_lost_answer_places_one_order(engine: Engine, proxy: Proxy) -> None:
    proxy.target = port_of(engine)
    proxy.cut_before_answer_to(lambda chunk: b"POST /api/orders/execute" in chunk)
    program = f"""
        const placed = await client.place({ORDER});
        const orders = await Array.fromAsync(client.orders());
        console.log(placed.idempotent, orders.length, orders[0].orderId === placed.orderId);
    """
    assert await run(program, f"http://127.0.0.1:{proxy.port}") == ["true 1 true"]


async def test_a_bracket_is_placed_listed_amended_and_cancelled(engine: Engine) -> None:
    program = """
        const entry = {orderType: "limit", tokenIn: "USDC", tokenOut: "SOL", amount: "142", limitPrice: "0.00704"};
        const bracket = {type: "bracket", entry, takeProfit: {price: "180"}, stopLoss: {price: "120"}};
        const placed = await client.placeGroup(bracket, {key: "one"});
        console.log((await client.placeGroup(bracket, {key: "one"})).idempotent);
        console.log((await Array.fromAsync(client.open())).length);
        const [first] = (await client.group(placed.groupId)).orders;
        console.log((await client.amend(first, {limitPrice: "0.00703"})).limitPrice);
        await client.amend(first, {limitPrice: "0.00702"}).catch((error) =>
            console.log(error instanceof sdk.Conflict, error.code, error.status));
        console.log(await client.cancelAll({groupId: placed.groupId}));
        const {orderId} = placed.orders[1];
        console.log((await Array.fromAsync(client.watch(orderId))).map((event) => event.status).join());
        console.log((await Array.fromAsync(client.watch(orderId, {after: {[orderId]: 2}}))).length);
    """
    expected = ["true", "3", "0.00703", "true order_changed 412", "3", "open,cancelled", "0"]
    assert await run(program, engine.base_url) == expected


async def test_a_watch_of_an_order_whose_events_are_gone_ends(engine: Engine) -> None:
    await engine.start_worker()
    order = (await engine.place())["orderId"]
    await engine.read_stream(order)
    await engine.postgres.execute("DELETE FROM order_events WHERE order_id = $1", UUID(order))
    program = f'console.log((await Array.fromAsync(client.watch("{order}"))).length)'
    assert await run(program, engine.base_url) == ["0"]


@pytest.mark.parametrize(
    ("head", "body", "error"),
    [
        (b"200 OK", b"null", "EngineError one"),
        (b"200 OK", b"[" * 100_000, "EngineError one"),
        (b"422 No", b'{"code":"no","errors":[null,5]}', "InvalidRequest one"),
        (b"422 No", b'{"code":"no","errors":5}', "InvalidRequest one"),
        (b"200 OK", b" " * 20_000_000, "Unreachable one"),
    ],
    ids=["null", "deep", "no errors", "no list", "long"],
)
async def test_whatever_is_answered_the_error_is_one_of_the_package_and_has_the_key(
    head: bytes, body: bytes, error: str
) -> None:
    program = f"""
        client = new sdk.Client(process.argv[2], {{patience: 0}});
        await client.place({ORDER}, {{key: "one"}}).catch((error) => console.log(error.name, error.idempotencyKey));
    """
    async with answering(body, head=head) as (url, _):
        assert await printed(await started(HEAD.replace("const", "let") + program, url)) == [error]


async def test_with_an_api_key_a_ticket_opens_the_stream(
    postgres_dsn: str, redis_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust_test_servers(monkeypatch)
    key = await new_key(postgres_dsn, "a")
    program = f"""
        const {{orderId}} = await client.place({FAR});
        await client.cancel(orderId);
        console.log((await Array.fromAsync(client.watch(orderId))).map((event) => event.status).join());
        const stranger = new sdk.Client(process.argv[2], {{apiKey: "wrong"}});
        for (const ask of [() => stranger.order(orderId), () => stranger.watch(orderId).next()])
            await ask().catch((error) => console.log(error.name, error.code));
    """
    async with running_engine(postgres_dsn, redis_dsn, **PRODUCTION) as engine:
        assert await run(program, engine.base_url, key) == ["open,cancelled", *["NotAllowed unknown_key"] * 2]


async def test_what_ends_a_watch(engine: Engine, proxy: Proxy) -> None:
    """An unknown order, a signal, and the end of the patience."""
    proxy.target = port_of(engine)
    program = f"""
        const name = (error) => console.log(error.name, error.code ?? "", error.idempotencyKey ?? "");
        await client.watch(crypto.randomUUID()).next().catch(name);
        const {{orderId}} = await client.place({FAR});
        const ending = new AbortController();
        const watching = client.watch(orderId, {{signal: ending.signal}});
        await watching.next();
        ending.abort(new Error("enough"));
        await watching.next().catch((error) => console.log(error.message));
        const hasty = new sdk.Client("http://127.0.0.1:1", {{patience: 0.3}});
        await hasty.watch(orderId).next().catch(name);
        await hasty.place({ORDER}, {{key: "mine"}}).catch(name);
    """
    expected = ["NotFound unknown_order ", "enough", "Unreachable  ", "Unreachable  mine"]
    assert await run(program, engine.base_url) == expected


async def test_a_client_that_could_not_follow_an_order_is_not_made() -> None:
    program = """
        const made = (url) => { try { new sdk.Client(url); console.log("made"); } catch (error) {
            console.log(error instanceof sdk.EngineError, error.message); } };
        for (const url of ["http://localhost:3931", "", "localhost:3931", "ftp://localhost"]) made(url);
        delete globalThis.WebSocket; // as in Node 20
        made("http://localhost:3931");
    """
    none, ftp, old = (await run(program, ""))[2:]
    assert none == 'true "localhost:3931" is not a valid address: http:// is missing; example: http://localhost:3000.'
    assert ftp == 'true "ftp://localhost" is not a valid address; example: http://localhost:3000.'
    assert old.startswith("true")
    assert old.endswith("npx --yes --package node@22 node bot.mts")


async def test_a_webhook_is_verified_as_the_specification_says() -> None:
    program = """
        const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", body = '{"test": 2432232314}';
        const sent = {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330"};
        const right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        const verify = (signature, at, text) => {
            Date.now = () => at * 1000;
            return sdk.verifyWebhook(secret, {...sent, "webhook-signature": signature}, text).then(
                (event) => console.log(JSON.stringify(event)), (error) => console.log(error.name));
        };
        await verify("v1,bm90aGluZw== " + right, 1614265330, body);
        await verify("v1,bm90aGluZw==", 1614265330, body);
        await verify(right, 1614265330, body + " ");
        await verify(right, 1614265330 + 301, body);
        await verify("", 1614265330, body);
    """
    assert await run(program, "") == ['{"test":2432232314}', *["InvalidSignature"] * 4]


def test_the_package_has_its_types_and_no_dependency() -> None:
    packed = subprocess.run(
        ["npm", "pack", "--dry-run", "--json", "--ignore-scripts"], cwd=CLIENT, capture_output=True, check=True
    )
    [found] = orjson.loads(packed.stdout)
    files = {file["path"] for file in found["files"]}
    assert {"package.json", "README.md", "dist/index.js", "dist/index.d.ts"} <= files
    assert {path.partition("/")[0] for path in files} == {"package.json", "README.md", "dist"}
    assert "dependencies" not in orjson.loads((CLIENT / "package.json").read_bytes())
