"""What passes between the portal and a reader process: JSON behind its length, and open files beside it.

What comes back is as hostile as the file it is about: it is read as data, within bounds, and nothing of it is trusted.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

LONGEST_MESSAGE = 256 * 1024
MOST_FILES = 2
SOCKET = 3  # the reader's only descriptor beside the three that all have
_LENGTH = struct.Struct("!I")


class Task(StrEnum):
    """What a reader is asked to do."""

    INSPECT = "inspect"
    PROBE = "probe"
    """Only what it is: the beginning may be all there is of it."""
    CONVERT = "convert"


class Answer(StrEnum):
    """What a reader says."""

    BEGAN = "began"
    AUDIO = "audio"
    UNREADABLE = "unreadable"
    CONVERTED = "converted"
    OUT_OF_MEMORY = "out_of_memory"
    BROKEN = "broken"


class MessageError(Exception):
    """What came is no message of this protocol, or the other side is gone."""


@dataclass(frozen=True, slots=True)
class Job:
    """A task with its open files: the input first, then the output. `cpu_seconds` and `most_output` are its limits."""

    task: Task
    files: tuple[int, ...]
    wanted: str = ""
    cpu_seconds: int = 86_400
    most_output: int = 0

    @property
    def size(self) -> int:
        """Size of the input, in bytes."""
        return os.fstat(self.files[0]).st_size

    def close(self) -> None:
        """Close the files of the job."""
        for file in self.files:
            os.close(file)


def send(channel: socket.socket, message: dict[str, Any], files: Collection[int] = ()) -> None:
    """Send one message. OSError where nobody listens."""
    body = json.dumps(message).encode()
    head = _LENGTH.pack(len(body))
    if files:
        socket.send_fds(channel, [head], list(files))
    else:
        channel.sendall(head)
    channel.sendall(body)


def receive(channel: socket.socket) -> dict[str, Any]:
    """Return one message. MessageError, or TimeoutError by the socket's own time-out."""
    return _parsed(channel, _exactly(channel, _LENGTH.size))


def receive_job(channel: socket.socket) -> Job | None:
    """Return the next job; None where no more comes."""
    try:
        head, files, _flags, _address = socket.recv_fds(channel, _LENGTH.size, MOST_FILES)
    except TimeoutError:
        return None
    if not head:
        return None
    said = _parsed(channel, head + _exactly(channel, _LENGTH.size - len(head)))
    return Job(Task(said["task"]), tuple(files), said["wanted"], said["cpu_seconds"], said["most_output"])


def _parsed(channel: socket.socket, head: bytes) -> dict[str, Any]:
    length = _LENGTH.unpack(head)[0]
    if length > LONGEST_MESSAGE:
        raise MessageError(f"{length} bytes")
    try:
        message = json.loads(_exactly(channel, length))
    except ValueError as error:
        raise MessageError("not JSON") from error
    if not isinstance(message, dict):
        raise MessageError("not an object")
    return message


def _exactly(channel: socket.socket, size: int) -> bytes:
    parts = b""
    while len(parts) < size:
        part = channel.recv(size - len(parts))
        if not part:
            raise MessageError("the other side is gone")
        parts += part
    return parts
