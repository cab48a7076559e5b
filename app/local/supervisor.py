"""`engine up`: everything on one machine, started in order, kept running, stopped in order."""

import asyncio
import http.client
import os
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from types import FrameType
from urllib.parse import urlsplit

from app.local import CannotStart, servers, state
from app.local.data_home import DataHome, prepare
from app.local.servers import Server
from app.local.service import Service, say, tell
from app.local.watchdog import Watchdog
from app.server.listener import LISTEN_FD_VARIABLE, listen
from app.settings import CLONE, Settings, SettingsError

LOOK_EVERY = 0.1
READY_SECONDS = 60.0

GREETING = """
  The engine is ready:  {url}  (a page, for a browser)
  The API in Swagger:   {url}/docs
  A first order:
    curl -s {url}/api/orders/execute -H 'content-type: application/json' \\
      -d '{{"tokenIn":"SOL","tokenOut":"USDC","amount":1.5}}'
  Logs and state:       {home}
  Data:                 {data}
  Ctrl-C stops everything; the data stays.
"""


def up(settings: Settings, *, reload: bool = False) -> None:
    """Runs the stack until Ctrl-C, SIGTERM, a closed terminal, or the death of a server."""
    home = settings.engine_home.absolute()
    with ExitStack() as closing:
        lock = state.hold(home)
        closing.callback(os.close, lock)
        listener = closing.enter_context(listen(settings.host, settings.port))
        guard = Watchdog(inherits=[lock])
        closing.callback(state.clear, home)
        closing.callback(guard.end)
        closing.callback(listener.close)  # first of all: nobody is let in while we go
        Supervisor(settings, guard, listener, reload).run()


class Supervisor:
    def __init__(self, settings: Settings, guard: Watchdog, listener: socket.socket, reload: bool) -> None:
        self._settings, self._guard, self._subscriber, self._reload = settings, guard, listener, reload
        self._home = settings.engine_home.absolute()
        self._servers: list[Server] = []
        self._services: list[Service] = []
        self._data = "in the servers you named"
        self._interrupts = 0
        self._sources_changed = False

    def run(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._interrupt)
        postgres, redis = self._start_servers()
        self._start_services(postgres, redis)
        self._await_health()
        if self._reload:
            threading.Thread(target=self._watch_sources, daemon=True).start()
        while not self._interrupts:
            self._tend()
            time.sleep(LOOK_EVERY)
        say("stopping ...")

    def _start_servers(self) -> tuple[str, str]:
        """The addresses of Postgres, migrated, and of Redis: those that were given, or embedded ones."""
        postgres, redis = self._settings.postgres_dsn, self._settings.redis_dsn
        premises: DataHome | None = None
        if postgres is None or redis is None:
            premises = prepare(self._home, durable=True)
            self._data = str(premises.data)
            say("starting the embedded servers")
        if premises and postgres is None:
            self._servers.append(servers.start_postgres(premises, self._guard))
            postgres = self._servers[-1].url
        if premises and redis is None:
            self._servers.append(servers.start_valkey(premises, self._guard))
            redis = self._servers[-1].url
        assert postgres
        assert redis
        from migrations.upgrade import upgrade  # slow to import: meanwhile the servers start

        for server in self._servers:
            asyncio.run(servers.answers(server))
        upgrade(postgres, patience=3)
        if redis == self._settings.redis_dsn:
            _check_redis(redis)
        return postgres, redis

    def _start_services(self, postgres: str, redis: str) -> None:
        environment = {"DATABASE_URL": postgres, "REDIS_URL": redis, "PYTHONUNBUFFERED": "1"}
        if self._settings.log_format == "auto":  # they write into a pipe, which we read out to a person
            environment["LOG_FORMAT"] = "console" if sys.stdout.isatty() else "json"
        port = self._subscriber.fileno()
        self._services = [
            Service("api", self._guard, environment | {LISTEN_FD_VARIABLE: str(port)}, inherits=[port]),
            Service("worker", self._guard, environment),
        ]
        self._running = state.Running(
            supervisor=os.getpid(), url=self._url, api=None, worker=None, postgres=postgres, redis=redis
        )
        for service in self._services:
            service.start()
        self._note()

    def _await_health(self) -> None:
        """Ready is when /health answers; behind this socket nobody but our API can answer."""
        deadline = time.monotonic() + READY_SECONDS
        while not self._interrupts and not self._healthy():
            self._watch_servers()
            for service in self._services:
                if death := service.death():
                    raise CannotStart(f"The {service.name} stopped while starting ({death}); see its lines above.")
            if time.monotonic() > deadline:
                raise CannotStart(f"The API was not ready within {READY_SECONDS:.0f} s.")
        if not self._interrupts:
            self._greet()

    def _tend(self) -> None:
        self._guard.replace_if_dead()
        self._watch_servers()
        if self._sources_changed:
            self._sources_changed = False
            say("a source file changed: starting again")
            for service in self._services:
                service.end(patience=2)
                service.start()
            self._note()
        for service in self._services:
            if death := service.death():
                waits = self._reload and service.refused
                say(f"stopped ({death}); it starts again {'with the next change' if waits else 'now'}", service.name)
                self._note()
            if service.due and not (self._reload and service.refused):
                service.start()
                self._note()

    def _watch_servers(self) -> None:
        for server in self._servers:
            if server.process.poll() is not None:
                raise CannotStart(server.last_words())

    def _note(self) -> None:
        api, worker = self._services
        self._running = replace(self._running, api=api.pid, worker=worker.pid)
        state.write(self._home, self._running)

    def _healthy(self) -> bool:
        address = urlsplit(self._url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=0.5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    @property
    def _url(self) -> str:
        host = self._settings.host
        if host in ("0.0.0.0", "::"):  # everywhere: also here  # noqa: S104
            host = "127.0.0.1"
        return f"http://[{host}]:{self._settings.port}" if ":" in host else f"http://{host}:{self._settings.port}"

    def _greet(self) -> None:
        tell(GREETING.format(url=self._url, home=self._home, data=self._data))

    def _watch_sources(self) -> None:
        from watchfiles import DefaultFilter, watch

        for _ in watch(CLONE / "app", CLONE / "worker", watch_filter=DefaultFilter(), raise_interrupt=False):
            self._sources_changed = True

    def _interrupt(self, _signal: int, _frame: FrameType | None) -> None:
        self._interrupts += 1
        if self._interrupts > 1:  # in a hurry
            for service in self._services:
                service.kill()


def _check_redis(address: str) -> None:
    import redis

    where = urlsplit(address).netloc.rpartition("@")[2]
    try:
        with redis.Redis.from_url(address, socket_connect_timeout=3, socket_timeout=3) as client:
            client.ping()
    except (redis.RedisError, OSError, ValueError):
        raise SettingsError(f"REDIS_URL: no Redis answers at {where or 'this address'}.") from None
