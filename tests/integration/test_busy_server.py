"""However many requests come at once, those of others are not held up: in each turn of the loop few begin."""

import asyncio
import contextlib
import socket

from app.server.turns import TURNS
from tests.integration.test_stopping_server import REQUEST, Running, answer, on_uvloop

CLIENTS = 100


@on_uvloop
async def test_all_connections_that_wait_are_accepted_in_one_turn(running: Running) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(CLIENTS):
            stack.enter_context(running.connect())
        turns = 0
        while len(running.server.server_state.connections) < CLIENTS:
            await asyncio.sleep(0)
            turns += 1
        assert turns < 10


@on_uvloop
async def test_of_requests_that_come_at_once_a_few_begin_in_each_turn(running: Running) -> None:
    state = running.server.server_state
    with contextlib.ExitStack() as stack:
        clients: list[socket.socket] = [stack.enter_context(running.connect()) for _ in range(CLIENTS)]
        while len(state.connections) < CLIENTS:
            await asyncio.sleep(0.01)
        for client in clients:
            client.send(REQUEST)
        most = before = 0
        while state.total_requests < CLIENTS:
            await asyncio.sleep(0)
            most, before = max(most, state.total_requests - before), state.total_requests
        assert most <= 2 * TURNS
        for client in clients:
            await answer(client)
