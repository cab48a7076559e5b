"""Machines on a network that can be cut, slowed and made to lose packets: one network namespace each.

- Each machine has a TUN device, and this process is the router between them: it reads every IP packet and delivers it,
  later, or never. Nothing answers in place of a machine that is cut off, so connections hang as they do in life. Few
  kernels lack TUN, while those of small virtual machines lack netem, iptables and nft.
- A namespace has no name. The kernel removes it, with its device, when the last process in it has ended and this one
  has closed it or was killed: nothing can be left behind.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import os
import random
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

SUBNET = "198.18.77"  # of the range that is set aside for tests of networks
DEVICE = "engine0"
PACKET_BYTES = 65_536
PACKETS_AT_ONCE = 64
CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
OWN_NAMESPACE = "/proc/thread-self/ns/net"


class NoNetwork(Exception):
    """A sentence that says what this machine needs."""


@dataclass
class Link:
    """Between two machines, the same in both directions."""

    cut: bool = False
    delay: float = 0.0  # seconds for each packet
    loss: float = 0.0  # the share of packets


@dataclass(frozen=True)
class Machine:
    address: str
    namespace: int
    device: int

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """What is started, and each socket that is opened, belongs to this machine. Nothing may be awaited in here."""
        own = os.open(OWN_NAMESPACE, os.O_RDONLY)
        try:
            _call("setns", self.namespace, CLONE_NEWNET)
            yield
        finally:
            _call("setns", own, CLONE_NEWNET)
            os.close(own)


class Network:
    """This process is a machine on it, too: `client`."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._machines: dict[str, Machine] = {}
        self._at: dict[bytes, tuple[str, Machine]] = {}
        self._links: dict[frozenset[str], Link] = {}

    def __getitem__(self, name: str) -> Machine:
        return self._machines[name]

    def link(self, one: str, other: str) -> Link:
        return self._links.setdefault(frozenset((one, other)), Link())

    def add(self, name: str) -> Machine:
        address = f"{SUBNET}.{len(self._machines) + 1}"
        own = os.open(OWN_NAMESPACE, os.O_RDONLY)
        try:
            if name != "client":
                _call("unshare", CLONE_NEWNET)
            machine = Machine(address, os.open(OWN_NAMESPACE, os.O_RDONLY), _open_device(address))
        finally:
            _call("setns", own, CLONE_NEWNET)
            os.close(own)
        self._machines[name] = machine
        self._at[socket.inet_aton(address)] = name, machine
        asyncio.get_running_loop().add_reader(machine.device, self._read, name, machine.device)
        return machine

    def close(self) -> None:
        for machine in self._machines.values():
            asyncio.get_running_loop().remove_reader(machine.device)
            os.close(machine.device)
            os.close(machine.namespace)
        self._machines.clear()
        self._at.clear()

    def _read(self, sender: str, device: int) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(PACKETS_AT_ONCE):
                self._route(sender, os.read(device, PACKET_BYTES))

    def _route(self, sender: str, packet: bytes) -> None:
        to = self._at.get(packet[16:20])
        if to is None:  # IPv6, which asks for routers
            return
        name, machine = to
        link = self.link(sender, name)
        if link.cut or (link.loss and self._rng.random() < link.loss):
            return
        if link.delay:
            asyncio.get_running_loop().call_later(link.delay, self._deliver, machine, packet)
        else:
            self._deliver(machine, packet)

    def _deliver(self, machine: Machine, packet: bytes) -> None:
        if machine in self._machines.values():  # the network may be closed meanwhile
            with contextlib.suppress(OSError):  # its queue is full, or its device is going down
                os.write(machine.device, packet)


@contextlib.contextmanager
def new_network(rng: random.Random, *names: str) -> Iterator[Network]:
    """NoNetwork if this machine cannot have one."""
    if shutil.which("ip") is None:
        raise NoNetwork("needs the program `ip`: apt-get install iproute2")
    network = Network(rng)
    try:
        for name in ("client", *names):
            network.add(name)
        yield network
    except PermissionError as error:
        raise NoNetwork("needs root, or CAP_NET_ADMIN and CAP_SYS_ADMIN, for network namespaces") from error
    except FileNotFoundError as error:
        raise NoNetwork(f"needs {error.filename}: modprobe tun") from error
    finally:
        network.close()


def _open_device(address: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
        for command in (
            f"address add {address}/24 dev {DEVICE}",
            f"link set {DEVICE} txqueuelen 5000 up",
            "link set lo up",
        ):
            subprocess.run(["ip", *command.split()], check=True)
    except BaseException:
        os.close(device)
        raise
    return device


def _call(name: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
