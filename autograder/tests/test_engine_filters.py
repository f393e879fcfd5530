"""What the kernel refuses a learner's process: each refusal tried by learner code, inside the sandbox that grades."""

from __future__ import annotations

import platform
import struct

import pytest

from autograder.engine import filters, sandbox
from autograder.tests.test_engine_sandbox import reveals

HAS_LANDLOCK, HAS_SECCOMP = filters.landlock_version() > 0, filters.has_seccomp()
CALL = "(lambda c: (c.CDLL(None, use_errno=True).syscall({arguments}), c.get_errno()))(__import__('ctypes'))"


def errno_of(*arguments: object) -> str:
    """What learner code sees of a system call."""
    return reveals(CALL.format(arguments=", ".join(map(str, arguments))))


def test_the_record_names_what_this_kernel_has() -> None:
    level = sandbox.described("namespaces")
    assert ("landlock" in level) == HAS_LANDLOCK
    assert ("seccomp" in level) == HAS_SECCOMP
    assert level.split("+")[0] == "namespaces"
    assert level.split("+")[-1] == "rlimits"


@pytest.mark.skipif(not HAS_SECCOMP, reason="this kernel has no filter of system calls")
def test_every_refused_system_call_is_refused() -> None:
    column = list(filters.AUDIT_ARCH).index(platform.machine())
    numbers = [both[column] for both in filters.REFUSED.values()]
    call = "(c.CDLL(None, use_errno=True).syscall(n, -1, 0, 0, 0, 0, 0), c.get_errno())"
    tried = f"[n for n in {numbers} if {call} != (-1, 1)]"
    assert "SAW []" in reveals(f"(lambda c: {tried})(__import__('ctypes'))")


@pytest.mark.skipif(not HAS_SECCOMP, reason="this kernel has no filter of system calls")
def test_namespaces_odd_sockets_and_other_calling_conventions_are_refused() -> None:
    column = list(filters.AUDIT_ARCH).index(platform.machine())
    assert "SAW (-1, 1)" in errno_of(filters.CLONE[column], 0x10000000 | 17, 0, 0, 0, 0)
    assert "SAW (-1, 38)" in errno_of(filters.CLONE3[column], 0, 0)
    for family in (17, 38, 40):  # raw packets, the kernel's ciphers, the host of a virtual machine
        assert "SAW (-1, 1)" in errno_of(filters.SOCKET[column], family, 2, 0)
    if platform.machine() == "x86_64":
        assert "SAW (-1, 1)" in errno_of(filters.X32 + 39)


@pytest.mark.skipif(not HAS_SECCOMP, reason="this kernel has no filter of system calls")
def test_what_exercises_need_still_works() -> None:
    assert "SAW 3" in reveals("__import__('subprocess').run([sys.executable, '-c', 'raise SystemExit(3)']).returncode")
    assert "SAW [1, 2]" in reveals("list(__import__('concurrent.futures').futures.ThreadPoolExecutor(2).map(abs, [-1, 2]))")
    assert "SAW 5" in reveals("(lambda pair: pair[0].send(b'12345'))(__import__('socket').socketpair())")
    assert "SAW 7" in reveals("[os.waitstatus_to_exitcode(os.waitpid(os.fork() or os._exit(7), 0)[1])][0]")


@pytest.mark.skipif(not HAS_LANDLOCK, reason="this kernel has no Landlock")
def test_landlock_lets_a_submission_write_its_own_folders_only() -> None:
    assert "SAW 3" in reveals("open('/tmp/mine', 'w').write('abc')")
    assert "SAW 3" in reveals("open('/dev/shm/mine', 'w').write('abc')")
    assert "SAW 3" in reveals("open('/dev/null', 'w').write('abc')")
    assert "PermissionError" in reveals("open('/proc/self/comm', 'w')")  # nothing but Landlock forbids that
    assert "PermissionError" in reveals("open('/proc/self/oom_score_adj', 'w')")


def test_the_filter_is_whole_instructions_and_ends_by_allowing() -> None:
    if HAS_SECCOMP:
        code = [struct.unpack("HBBI", filters.program()[at : at + 8]) for at in range(0, len(filters.program()), 8)]
        assert code[-1] == (filters.RETURN, 0, 0, filters.ALLOW)
        assert all(at + 1 + max(met, unmet) < len(code) for at, (kind, met, unmet, _) in enumerate(code) if kind & 7 == 5)
