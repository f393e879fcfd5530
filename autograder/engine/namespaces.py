"""Forking a learner's process into namespaces of its own, with limits, and without capabilities.

Everything here is a thin layer over Linux calls that Python 3.11 does not offer, made through `ctypes`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import signal

from autograder.engine.limits import Limits
from autograder.engine.sandbox import OUTER_PROC

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER = 0x00020000, 0x04000000, 0x08000000, 0x10000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000
ALL = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
SYS_CLONE = {"x86_64": 56, "aarch64": 220}
SYS_CAPSET = {"x86_64": 126, "aarch64": 91}
libc = ctypes.PyDLL(None, use_errno=True)  # PyDLL: a fork must not happen with the interpreter's lock released


def fork_into_namespaces() -> int:
    """Like `os.fork`, but the child is the first process of new user, pid, mount, ipc and network namespaces."""
    uid, gid = os.geteuid(), os.getegid()
    ctypes.pythonapi.PyOS_BeforeFork()
    child = int(libc.syscall(SYS_CLONE[platform.machine()], ALL | signal.SIGCHLD, 0, 0, 0, 0))
    if child == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        prctl(PR_SET_DUMPABLE, 1)  # else /proc/self/uid_map belongs to root
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{uid} {uid} 1")
        _write("/proc/self/gid_map", f"{gid} {gid} 1")
        return 0
    error = ctypes.get_errno()
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    if child < 0:
        raise OSError(error, f"clone: {os.strerror(error)}")
    return child


def enter_private_root(limits: Limits) -> None:
    """Give this process a /tmp, a /dev/shm and a /proc of its own, then put its capabilities away."""
    mount(None, "/", None, MS_REC | MS_PRIVATE, None)
    size = f"size={limits.disk},mode=1777,nr_inodes=4096"
    mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, size)
    if os.path.isdir("/dev/shm"):
        mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, size)
    with contextlib.suppress(OSError):  # in a container that masks its own: then the outer /proc stays, which shows no more than names
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, None)
        _write("/proc/sys/user/max_user_namespaces", "0")  # none inside this one, so that no capability can be had again
    mount("tmpfs", OUTER_PROC, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, "size=4k")
    drop_capabilities()


def drop_capabilities() -> None:
    """No capability, not even inside the namespaces, and none to be had by executing a file."""
    for capability in range(64):
        prctl(PR_CAPBSET_DROP, capability, check=False)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    empty = (ctypes.c_uint32 * 6)()
    if libc.syscall(SYS_CAPSET[platform.machine()], header, empty):
        raise OSError(ctypes.get_errno(), "capset failed")


def limit_resources(limits: Limits) -> None:
    """Limits that each process of a submission inherits. Their sum is watched by the zygote."""
    hard = {
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_FSIZE: limits.file_size,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NPROC: limits.processes,
    }
    for kind, value in hard.items():
        _soft, ceiling = resource.getrlimit(kind)
        value = value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)
        resource.setrlimit(kind, (value, value))
    limit_memory(limits.memory)


def limit_memory(most: int) -> None:
    """Let this process take `most` bytes more than it has."""
    value = _address_space() + most
    _soft, ceiling = resource.getrlimit(resource.RLIMIT_AS)
    value = value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)
    resource.setrlimit(resource.RLIMIT_AS, (value, value))


def _address_space() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def close_all_but(keep: int) -> None:
    """Close every descriptor above 2 except one."""
    os.closerange(3, keep)
    os.closerange(keep + 1, 1 << 16)


def undumpable() -> None:
    """Other processes of the same user may not look into this one."""
    prctl(PR_SET_DUMPABLE, 0)


def die_with_parent() -> None:
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def prctl(option: int, value: int, check: bool = True) -> None:
    if libc.prctl(option, value, 0, 0, 0) and check:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None) -> None:
    parts = [None if p is None else p.encode() for p in (source, target, kind)]
    if libc.mount(*parts, ctypes.c_ulong(flags), None if data is None else data.encode()):
        error = ctypes.get_errno()
        raise OSError(error, f"mount {target}: {os.strerror(error)}")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
