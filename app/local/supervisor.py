"""`engine up`: the whole engine on one machine.

Invariants:
- Start in order: servers, migration, then API, worker and watcher. Stop in the opposite order.
- What ends is started again, for as long as it takes: a server that ended because the disk is full may not start before
  there is space. Only while the stack starts does the end of a part end it.
- Nothing that is written has to succeed: the disk may be full. Nor has anybody to read what is printed.
- The supervisor holds the listening socket, so connections wait while the API restarts.
- Every child is known to the watchdog: nothing survives the supervisor, even if it is killed.
- Start-up time counts: FastAPI is not imported, and SQLAlchemy only to migrate.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import FrameType

from app.local import CannotStart, before_start, postgres_data, servers, state
from app.local.data_home import DataHome, data_directory, prepare
from app.local.output import READY_MESSAGE, output, print_line, print_text
from app.local.reachable import answers, check_redis
from app.local.servers import Server
from app.local.service import Service
from app.local.watchdog import Watchdog
from app.server.listener import LISTEN_FD_VARIABLE, listen, url_of
from app.settings import CLONE, Settings

CHECK_EVERY = 0.1  # seconds
SERVER_DELAY = 2.0  # seconds before a server is started again
READY_SECONDS = 60.0
AGAIN_SECONDS = 1.0
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# The machine has no memory, process, file or thread left for a moment.
REFUSED = (OSError, RuntimeError, subprocess.SubprocessError, CannotStart)


def up(settings: Settings, *, reload: bool = False, node: Sequence[str] = ()) -> None:
    """Runs the stack until Ctrl-C, SIGTERM or a closed terminal. `node`: the command of a local chain's node."""
    home = settings.engine_home.absolute()
    before_start.check(settings)
    with ExitStack() as closing:
        closing.callback(output.flush)
        postgres_data.end_orphans(data_directory(home) / "postgres")  # they hold the lock
        lock = state.acquire_lock(home)
        closing.callback(os.close, lock)
        listener = closing.enter_context(listen(settings.host, settings.port))
        watchdog = Watchdog(inherits=[lock])
        closing.callback(state.clear, home)
        closing.callback(watchdog.end)
        closing.callback(listener.close)  # first: no new connections while stopping
        Supervisor(settings, watchdog, listener, reload, node).run()


class Supervisor:
    def __init__(
        self,
        settings: Settings,
        watchdog: Watchdog,
        listener: socket.socket,
        reload: bool,
        node: Sequence[str] = (),
    ) -> None:
        self._node = [Service("node", watchdog, {}, command=node)] if node else []
        self._settings, self._watchdog, self._listener, self._reload = settings, watchdog, listener, reload
        self._home = settings.engine_home.absolute()
        self._servers: list[Server] = []
        self._start_servers_at: dict[str, float] = {}  # name of a server that has ended → when to start it again
        self._services: list[Service] = []
        self._data = "in your own servers"
        self._interrupts, self._sources_changed, self._state_written = 0, False, True

    def run(self) -> None:
        # With `nohup` it outlives its terminal.
        interrupts = [one for one in INTERRUPTS if one != signal.SIGHUP or signal.getsignal(one) != signal.SIG_IGN]
        for number in interrupts:
            signal.signal(number, signal.default_int_handler)  # at once: servers may take long to be ready
        signal.signal(signal.SIGTSTP, lambda *_: None)  # Ctrl-Z: nobody would read what the processes print
        for node in self._node:
            node.start()
        postgres, redis = self._start_servers()
        for number in interrupts:
            signal.signal(number, self._interrupt)
        if self._node:
            self._wait_for(self._node_answers, "The node", self._node)
        self._start_services(postgres, redis)
        self._wait_until_healthy()
        if self._reload:
            threading.Thread(target=self._watch_sources, daemon=True).start()
        self._keep_running()
        print_line("stopping ...")

    def _keep_running(self) -> None:
        while not self._interrupts:
            try:
                self._check()
            except REFUSED as error:
                print_line(f"what has ended cannot be started now, and is tried again: {error}")
                time.sleep(AGAIN_SECONDS)
            time.sleep(CHECK_EVERY)

    def _start_servers(self) -> tuple[str, str]:
        """Starts and migrates what is not configured. Returns the URLs of Postgres and Redis."""
        postgres, redis = self._settings.postgres_dsn, self._settings.redis_dsn
        data_home: DataHome | None = None
        if postgres is None or redis is None:
            data_home = prepare(self._home, durable=True)
            self._data = str(data_home.data)
            print_line("starting the embedded servers")
        if data_home and postgres is None:
            self._servers.append(servers.start_postgres(data_home, self._watchdog))
            postgres = self._servers[-1].url
        if data_home and redis is None:
            self._servers.append(servers.start_valkey(data_home, self._watchdog))
            redis = self._servers[-1].url
        assert postgres
        assert redis
        from migrations.upgrade import upgrade  # takes a while; the servers start meanwhile

        self._servers = [servers.ready(server, self._watchdog) for server in self._servers]
        upgrade(postgres, wait_seconds=3)
        if self._settings.engine_mode == "production":
            before_start.check_keys(postgres)
        if redis == self._settings.redis_dsn:
            check_redis(redis)
        return postgres, redis

    def _start_services(self, postgres: str, redis: str) -> None:
        environment = {"DATABASE_URL": postgres, "REDIS_URL": redis}
        if self._settings.log_format == "auto":  # they write into a pipe; we may print to a terminal
            environment["LOG_FORMAT"] = "console" if sys.stdout.isatty() else "json"
        port = self._listener.fileno()
        self._services = [
            Service("api", self._watchdog, environment | {LISTEN_FD_VARIABLE: str(port)}, inherits=[port]),
            Service("worker", self._watchdog, environment),
            Service("watcher", self._watchdog, environment),
        ]
        self._running = state.Running(
            supervisor=os.getpid(),
            url=self._url,
            api=None,
            worker=None,
            watcher=None,
            postgres=postgres,
            redis=redis,
        )
        for service in self._services:
            service.start()
        self._write_state()

    def _wait_until_healthy(self) -> None:
        """Waits for /health. We hold the listening socket, so only our API can answer."""
        self._wait_for(self._healthy, "The API", self._services)
        if not self._interrupts:
            print_text(READY_MESSAGE.format(url=self._url, home=self._home, data=self._data))

    def _wait_for(self, answers: Callable[[], bool], name: str, services: Sequence[Service]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self._interrupts and not answers():
            self._check_servers()
            for service in services:
                if reason := service.poll_exit():
                    raise CannotStart(f"The {service.name} stopped while starting ({reason}); see its output above.")
            if time.monotonic() > deadline:
                raise CannotStart(f"{name} was not ready within {READY_SECONDS:.0f} s.")
            time.sleep(0.01)

    def _check(self) -> None:
        self._watchdog.replace_if_dead()
        self._restart_servers()
        if not self._state_written:
            self._write_state()
        if self._sources_changed:
            self._sources_changed = False
            print_line("a source file changed: restarting")
            for service in self._services:
                service.stop(timeout=2)
                service.start()
            self._write_state()
        for service in (*self._node, *self._services):
            if reason := service.poll_exit():
                waits = self._reload and service.failed
                print_line(
                    f"stopped ({reason}); restarting {'after the next change' if waits else 'now'}", service.name
                )
                self._write_state()
            if service.restart_due and not (self._reload and service.failed):
                service.start()
                self._write_state()

    def _check_servers(self) -> None:
        for server in self._servers:
            if server.process.poll() is not None:
                raise CannotStart(server.exit_report())

    def _restart_servers(self) -> None:
        for place, server in enumerate(self._servers):
            if server.process.poll() is None:
                if server.is_stopping():  # somebody else stops it; our clients would keep it from ending
                    server.process.send_signal(signal.SIGINT)
                continue
            due = self._start_servers_at.get(server.name)
            if due is None:
                print_text(f"{server.exit_report()}\n{server.name} is started again until it runs.")
                self._watchdog.forget(server.process)
                self._start_servers_at[server.name] = time.monotonic() + SERVER_DELAY
            elif time.monotonic() >= due:
                del self._start_servers_at[server.name]
                with contextlib.suppress(OSError):  # no space for a file: in a moment again
                    self._servers[place] = server.start_again()

    def _write_state(self) -> None:
        api, worker, watcher = self._services
        self._running = replace(self._running, api=api.pid, worker=worker.pid, watcher=watcher.pid)
        try:
            state.write(self._home, self._running)
            self._state_written = True
        except OSError as error:
            if self._state_written:
                print_line(f"cannot write the state ({error.strerror}): `engine status` is out of date until it can")
            self._state_written = False

    def _healthy(self) -> bool:
        return answers(self._url, "/health")

    def _node_answers(self) -> bool:
        return answers(self._settings.solana_rpc_url[0], "/faults")

    @property
    def _url(self) -> str:
        return url_of(self._settings.host, self._settings.port)

    def _watch_sources(self) -> None:
        from watchfiles import DefaultFilter, watch

        for _ in watch(CLONE / "app", CLONE / "worker", watch_filter=DefaultFilter(), raise_interrupt=False):
            self._sources_changed = True

    def _interrupt(self, _signal: int, _frame: FrameType | None) -> None:
        self._interrupts += 1
        if self._interrupts > 1:  # a second Ctrl-C does not wait
            for service in self._services:
                service.kill()
