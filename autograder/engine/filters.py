"""What the kernel refuses a learner's process besides its namespaces and limits: a filter of system calls, and Landlock.

Both are the process's own act, can't be undone, and hold for all that it starts. They stand behind the namespaces, should those have
a hole, and in front of parts of the kernel that no exercise needs. Made through `ctypes`, as Python has no binding that is maintained:
see seccomp(2), landlock(7) and the kernel's `samples/landlock/sandboxer.c`.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import struct
from collections.abc import Iterable

from autograder.engine.namespaces import ALL, PR_SET_NO_NEW_PRIVS, libc, prctl

EPERM, ENOSYS = 1, 38
PR_SET_SECCOMP, SECCOMP_MODE_FILTER, SECCOMP_GET_ACTION_AVAIL, SECCOMP = 22, 2, 2, {"x86_64": 317, "aarch64": 277}
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
LOAD, EQUAL, NOT_BELOW, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets in the kernel's `struct seccomp_data`
CLONE_NEWCGROUP = 0x02000000
X32 = 0x40000000  # the first number of another calling convention, which would get past a list of numbers
FAMILIES = (1, 2, 10, 16)  # sockets: local, IPv4, IPv6, and the one that lists interfaces

# Looking into processes, making namespaces and mounts, loading code into the kernel, and its most attacked parts; and memory that
# belongs to no process, so that none is found to hold it: (x86_64, aarch64).
REFUSED = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_getfd": (438, 438), "kcmp": (312, 272),
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "syslog": (103, 116),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171), "quotactl": (179, 60),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "msgget": (68, 186), "mq_open": (240, 180),
    "vhangup": (153, 58), "lookup_dcookie": (212, 18), "fanotify_init": (300, 262), "nfsservctl": (180, 42),
}  # fmt: skip
SOCKET, CLONE, CLONE3 = (41, 198), (56, 220), (435, 435)

CREATE, ADD_RULE, RESTRICT = 444, 445, 446  # Landlock's system calls, the same on every machine
EXECUTE, WRITE, READ, READ_DIR = 1, 2, 4, 8
CHANGE = WRITE | sum(1 << bit for bit in range(4, 13))  # write, remove, and make anything
REFER, TRUNCATE = 1 << 13, 1 << 14  # of its second and third version
WRITABLE = ("/tmp", "/dev/shm")


def available() -> list[str]:
    """Which of the two this kernel has, by name."""
    return [name for name, there in (("landlock", landlock_version() > 0), ("seccomp", has_seccomp())) if there]


def enter(readable: Iterable[str]) -> None:
    """Put this process under both, as far as the kernel has them. It may read beneath `readable` and write beneath `WRITABLE`.

    Raises:
        OSError: if the kernel has one and refuses it; learner code must not run then.
    """
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    if landlock_version() > 0:
        _restrict(landlock_version(), readable)
    if has_seccomp():
        code = program()
        buffer = ctypes.create_string_buffer(code)
        header = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
        if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0):
            raise OSError(ctypes.get_errno(), "the kernel took no filter of system calls")


@functools.lru_cache(maxsize=1)
def has_seccomp() -> bool:
    """Whether the kernel filters system calls, and their numbers on this machine are known here."""
    machine = platform.machine()
    action = ctypes.byref(ctypes.c_uint32(REFUSE))
    return machine in AUDIT_ARCH and libc.syscall(SECCOMP[machine], SECCOMP_GET_ACTION_AVAIL, 0, action) == 0


@functools.lru_cache(maxsize=1)
def landlock_version() -> int:
    """The version of the kernel's Landlock; 0 if it has none, or it is switched off."""
    return max(0, int(libc.syscall(CREATE, None, ctypes.c_size_t(0), 1)))


@functools.lru_cache(maxsize=1)
def program() -> bytes:
    """The filter, in the kernel's instructions. One that is not met goes on to the next."""
    machine = platform.machine()
    column = list(AUDIT_ARCH).index(machine)
    refuse, missing = _step(RETURN, REFUSE | EPERM), _step(RETURN, REFUSE | ENOSYS)
    code = [_step(LOAD, ARCHITECTURE), _step(EQUAL, AUDIT_ARCH[machine], 1, 0), _step(RETURN, KILL)]
    code += [_step(LOAD, NUMBER), _step(NOT_BELOW, X32, 0, 1), refuse]
    for numbers in REFUSED.values():
        code += [_step(EQUAL, numbers[column], 0, 1), refuse]
    # The flags of clone3 lie in memory, out of the filter's sight. Libraries fall back to clone.
    code += [_step(EQUAL, CLONE3[column], 0, 1), missing]
    code += [_step(EQUAL, CLONE[column], 0, 4), _step(LOAD, FIRST_ARGUMENT), _step(ANY_BIT, ALL | CLONE_NEWCGROUP, 0, 1), refuse]
    code += [_step(RETURN, ALLOW)]
    families = [_step(EQUAL, family, len(FAMILIES) - place, 0) for place, family in enumerate(FAMILIES)]
    code += [_step(EQUAL, SOCKET[column], 0, len(FAMILIES) + 2), _step(LOAD, FIRST_ARGUMENT), *families, refuse, _step(RETURN, ALLOW)]
    return b"".join(code)


def _step(code: int, value: int, met: int = 0, unmet: int = 0) -> bytes:
    return struct.pack("HBBI", code, met, unmet, value)


def _restrict(version: int, readable: Iterable[str]) -> None:
    change = CHANGE | (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)
    network, scopes = (3 if version >= 4 else 0), (3 if version >= 6 else 0)  # TCP; abstract sockets and signals
    attributes = struct.pack("QQQ", EXECUTE | READ | READ_DIR | change, network, scopes)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = libc.syscall(CREATE, attributes, ctypes.c_size_t(size), 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "Landlock made no set of rules")
    try:
        for path in readable:
            _allow(ruleset, path, EXECUTE | READ | READ_DIR)
        for path in WRITABLE:
            _allow(ruleset, path, EXECUTE | READ | READ_DIR | change)
        _allow(ruleset, os.devnull, READ | WRITE | (change & TRUNCATE))
        if libc.syscall(RESTRICT, ruleset, 0):
            raise OSError(ctypes.get_errno(), "Landlock did not restrict the process")
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no rule
    try:
        if not os.path.isdir(path):
            access &= EXECUTE | READ | WRITE | TRUNCATE
        if libc.syscall(ADD_RULE, ruleset, 1, struct.pack("=Qi", access, place), 0):
            raise OSError(ctypes.get_errno(), f"Landlock took no rule for {path}")
    finally:
        os.close(place)
