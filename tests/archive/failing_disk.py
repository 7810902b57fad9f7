"""A disk that fails: the kernel answers this thread's larger writes with an error, by a seccomp filter.

Only write(2) is refused, which is how audio is written: SQLite writes with pwrite(2), and sockets are sent to. A filter
can never be taken off, so it is put on in a thread of its own, and ends with it.
"""

from __future__ import annotations

import ctypes
import platform
import struct
import sys

import pytest

WRITE = {"x86_64": 1, "aarch64": 64}  # the number of write(2)
LARGE = 512  # bytes: what is said on standard error is shorter
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, IF_EQUAL, IF_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  # of classic BPF
NUMBER_AT, COUNT_AT = 0, 32  # in struct seccomp_data: the call, and the low half of its third argument
ALLOW, ERRNO = 0x7FFF0000, 0x00050000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def needs_seccomp() -> None:
    """Skip the test on a machine where the kernel cannot be asked for this."""
    if sys.platform != "linux" or platform.machine() not in WRITE:
        pytest.skip("only on Linux, on x86-64 or ARM64")


def fail_writes(number: int) -> None:
    """From now on every larger write of this thread ends with this errno."""
    program = b"".join(
        struct.pack("HBBI", *instruction)
        for instruction in (
            (LOAD, 0, 0, NUMBER_AT),
            (IF_EQUAL, 0, 3, WRITE[platform.machine()]),
            (LOAD, 0, 0, COUNT_AT),
            (IF_AT_LEAST, 0, 1, LARGE),
            (RETURN, 0, 0, ERRNO | number),
            (RETURN, 0, 0, ALLOW),
        )
    )
    libc = ctypes.CDLL(None, use_errno=True)
    asked = _Program(len(program) // 8, program)
    none = ctypes.c_ulong(0)
    for option, first, second in (
        (PR_SET_NO_NEW_PRIVS, 1, none),
        (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(asked)),
    ):
        if libc.prctl(ctypes.c_int(option), ctypes.c_ulong(first), second, none, none):
            raise OSError(ctypes.get_errno(), "the kernel refused the filter")
