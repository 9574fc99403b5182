"""Sends real packets from an address and sees by which interface they leave.

A packet socket that hears every interface (packet(7), root only) sees each outgoing packet where it is sent; the first
sight of one is the interface that the kernel's lookup chose (a bridge or VLAN, before its lower device). Whether
somebody answers is told as well, and is no more than a hint: firewalls drop pings.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import selectors
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from asymgen.errors import UnsupportedError
from asymgen.model import Address
from asymgen.records import record

_ALL_PROTOCOLS = 3  # ETH_P_ALL
_ECHO = {4: 8, 6: 128}
_ICMP = {4: socket.IPPROTO_ICMP, 6: socket.IPPROTO_ICMPV6}
_HEADER = {4: 20, 6: 40}


@record
class Sighting:
    """One probe: ``kind`` is icmp or tcp; ``left_by`` is None where no packet was seen to leave; ``error`` is the
    kernel's word where it refused to send."""

    source: Address
    destination: Address
    kind: str
    left_by: str | None
    answered: bool
    error: str = ""


def probe(source: Address, destination: Address, *, port: int, seconds: float) -> tuple[Sighting, ...]:
    """An ICMP echo request and a TCP connection to ``port``, each watched for ``seconds``.

    Raises UnsupportedError where packets cannot be watched."""
    return (
        _watched(source, destination, "icmp", port=port, seconds=seconds),
        _watched(source, destination, "tcp", port=port, seconds=seconds),
    )


def _watched(source: Address, destination: Address, kind: str, *, port: int, seconds: float) -> Sighting:
    family = socket.AF_INET if source.version == 4 else socket.AF_INET6
    with ExitStack() as stack:
        ear = stack.enter_context(_ear())
        try:
            sender = stack.enter_context(_sender(family, kind))
            sender.setblocking(False)  # noqa: FBT003 - the socket module's own signature
            sender.bind((str(source), 0))
            _send(sender, source, destination, kind, port=port)
        except OSError as problem:
            return Sighting(source, destination, kind, None, answered=False, error=problem.strerror or str(problem))
        # The sender stays open: closing it would end the connection before its answer is seen.
        return _listen(ear, source, destination, kind, seconds=seconds)


@contextmanager
def _ear() -> Iterator[socket.socket]:
    try:
        ear = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS))
    except PermissionError:
        raise UnsupportedError("--probe watches packets, which only root may do", hint="run it as root") from None
    with ear:
        ear.setblocking(False)  # noqa: FBT003
        yield ear


def _sender(family: socket.AddressFamily, kind: str) -> socket.socket:
    if kind == "tcp":
        return socket.socket(family, socket.SOCK_STREAM)
    return socket.socket(family, socket.SOCK_RAW, _ICMP[4 if family is socket.AF_INET else 6])


def _send(sender: socket.socket, source: Address, destination: Address, kind: str, *, port: int) -> None:
    if kind == "icmp":
        sender.sendto(_echo_request(source.version), (str(destination), 0))
        return
    code = sender.connect_ex((str(destination), port))
    if code not in (0, errno.EINPROGRESS):
        raise OSError(code, os.strerror(code))


def _echo_request(version: int) -> bytes:
    """RFC 792, RFC 4443; the kernel fills in the checksum of ICMPv6."""
    head = struct.pack("!BBHHH", _ECHO[version], 0, 0, os.getpid() & 0xFFFF, 1)
    return head if version == 6 else head[:2] + struct.pack("!H", _checksum(head)) + head[4:]


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _listen(ear: socket.socket, source: Address, destination: Address, kind: str, *, seconds: float) -> Sighting:
    protocol = socket.IPPROTO_TCP if kind == "tcp" else _ICMP[source.version]
    left_by: str | None = None
    answered = False
    with selectors.DefaultSelector() as ready:
        ready.register(ear, selectors.EVENT_READ)
        deadline = time.monotonic() + seconds
        while not (left_by and answered) and (rest := deadline - time.monotonic()) > 0:
            for _ in ready.select(rest):
                data, (interface, _, packet_type, *_) = ear.recvfrom(2048)
                ends = _ends(data, protocol)
                if ends == (source, destination) and packet_type == socket.PACKET_OUTGOING:
                    left_by = left_by or interface
                elif ends == (destination, source) and packet_type == socket.PACKET_HOST:
                    answered = True
    return Sighting(source, destination, kind, left_by, answered=answered)


def _ends(data: bytes, protocol: int) -> tuple[Address, Address] | None:
    """Source and destination of an IP packet of ``protocol``; None for anything else."""
    version = data[0] >> 4 if data else 0
    if version not in _HEADER or len(data) < _HEADER[version]:
        return None
    if version == 4:
        found, source, destination = data[9], data[12:16], data[16:20]
    else:
        found, source, destination = data[6], data[8:24], data[24:40]
    if found != protocol:
        return None
    return ipaddress.ip_address(source), ipaddress.ip_address(destination)
