"""A network of the measurement's own: nothing but loopback, with the congestion control that Linux has everywhere."""

import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914
IFF_UP = 1
CONTROL = Path("/proc/sys/net/ipv4/tcp_congestion_control")
PLAIN = ["cubic", "reno"]
"""A namespace may choose only what its machine allows everybody; reno is allowed everywhere."""


def isolate() -> str:
    """Moves this process, and what it starts from now on, to a network of its own; says what the network is like.

    Congestion control is the machine's choice, and one that paces (bbr) measures the machine's timers instead of
    gateways: on loopback an answer that is sent in few large pieces then costs more than one that is copied in
    small ones. Where a network of one's own is not allowed, the machine's is taken, and that is said.
    """
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        return f"the machine's own network ({os.strerror(ctypes.get_errno())}), {control()}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    for plain in PLAIN:
        try:
            CONTROL.write_text(plain)
            break
        except OSError:
            continue
    return f"a network of its own, {control()}"


def control() -> str:
    """The congestion control of TCP here."""
    return CONTROL.read_text().strip()
