"""Frames over a Unix socket: a length, then that many bytes. Nothing is interpreted here."""

from __future__ import annotations

import array
import socket
import struct
import time

MAX_FRAME = 256 * 1024 * 1024
_LENGTH = struct.Struct("<I")


class Closed(ConnectionError):
    """The other end is gone."""


class FrameTooLarge(ValueError):
    """A frame is longer than the cap; nothing of it was read or sent."""


class Channel:
    """One end of a stream of frames."""

    def __init__(self, sock: socket.socket, max_frame: int = MAX_FRAME) -> None:
        """`max_frame` caps what is received: what is sent is this end's own."""
        self.sock, self.max_frame = sock, max_frame
        self.deadline: float | None = None  # by the monotonic clock, for a whole frame: a byte now and then does not put it off

    def fileno(self) -> int:
        return self.sock.fileno()

    def close(self) -> None:
        self.sock.close()

    def send(self, payload: bytes | bytearray) -> None:
        if len(payload) > MAX_FRAME:
            raise FrameTooLarge(f"{len(payload):,} bytes are more than the {MAX_FRAME:,} that may cross at once")
        try:
            if len(payload) < 65536:  # one packet, one wake-up at the other end
                self.sock.sendall(_LENGTH.pack(len(payload)) + payload)
            else:
                self.sock.sendall(_LENGTH.pack(len(payload)))
                self.sock.sendall(payload)
        except OSError as error:
            raise Closed("the other process is gone") from error

    def receive(self) -> bytearray:
        (length,) = _LENGTH.unpack(self._exactly(4))
        if length > self.max_frame:
            raise FrameTooLarge(f"a frame announces {length:,} bytes, more than {self.max_frame:,}")
        return self._exactly(length)

    def _exactly(self, count: int) -> bytearray:
        buffer = bytearray()
        while len(buffer) < count:  # grows with what arrives, not with what was announced
            try:
                if self.deadline is not None:
                    self.sock.settimeout(max(self.deadline - time.monotonic(), 0.001))
                part = self.sock.recv(min(count - len(buffer), 1 << 20))
            except TimeoutError:
                raise
            except OSError as error:
                raise Closed("the other process is gone") from error
            if not part:
                raise Closed("the other process is gone")
            buffer += part
        return buffer


def send_fds(sock: socket.socket, fds: list[int]) -> None:
    """Hand open descriptors to the process at the other end."""
    socket.send_fds(sock, [b"F"], fds)


def receive_fds(sock: socket.socket, count: int) -> list[int]:
    """Exactly `count` descriptors; any surplus is closed."""
    space = socket.CMSG_SPACE(count * array.array("i").itemsize)
    data, ancillary, _flags, _address = sock.recvmsg(1, space)
    if not data:
        raise Closed("the other process is gone")
    fds = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    if len(fds) != count:
        raise Closed(f"{count} descriptors were expected, {len(fds)} came")
    return list(fds)
