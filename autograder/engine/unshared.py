"""The walls of `sandbox.command("namespaces")` without bubblewrap: run as `python -m autograder.engine.unshared [ARGUMENT]…`.

It makes namespaces, a root that holds the system, Python and the given code only, and runs Python with the arguments in it. Bubblewrap
is better known and better looked after, so this counts as a lower level.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from autograder.engine import namespaces, sandbox
from autograder.engine.namespaces import MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_RDONLY, MS_REC, MS_REMOUNT, libc, mount

MNT_DETACH = 2
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, AT_RECURSIVE, AT_FDCWD, MOUNT_SETATTR = 1, 2, 0x8000, -100, 442
DEVICES = ("null", "zero", "full", "random", "urandom")
NEW = "/tmp"  # where the new root is put together; what lies there is covered, and inside it gets another name


def main() -> int:
    """Run Python behind the walls; its exit code."""
    if os.geteuid() == 0:
        _unshare(namespaces.ALL & ~namespaces.CLONE_NEWUSER)
    else:
        user, group = os.geteuid(), os.getegid()
        _unshare(namespaces.ALL)
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            Path(f"/proc/self/{name}").write_text(text)
    child = os.fork()  # the first process of the new pid namespace, whose end ends all others
    if child:
        namespaces.die_with_parent()
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    sources = [(path, sandbox.inside(path)) for path in (*sandbox.SYSTEM, *sandbox.visible()) if os.path.exists(path)]
    _build(sources, [sandbox.inside(path) for path in sandbox.covered()])
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(*[sandbox.NOBODY] * 3)
        os.setresuid(*[sandbox.NOBODY] * 3)
    namespaces.drop_capabilities()
    namespaces.die_with_parent()  # again: with the user, what was asked for before is forgotten
    os.environ["PYTHONPATH"] = sandbox.inside(str(sandbox.ROOT))
    os.execv(sandbox.inside(sys.executable), [sandbox.inside(sys.executable), *sandbox.FLAGS, *sys.argv[1:]])


def _unshare(flags: int) -> None:
    if libc.unshare(flags):
        raise OSError(ctypes.get_errno(), "unshare: the kernel does not let this user make namespaces")


def _build(sources: list[tuple[str, str]], covered: list[str]) -> None:
    """Make and enter a root with these paths, read-only, and a /proc, a /dev and a /tmp of its own.

    Of what is `covered`, only the sources that lie in it are there.
    """
    handles = [(os.open(path, os.O_PATH), name, os.path.isdir(path)) for path, name in sources]  # before NEW is covered
    links = [(os.readlink(path), name) for path, name in sources if os.path.islink(path) and not os.path.isabs(os.readlink(path))]
    linked = {name for _, name in links}
    devices = [(os.open(f"/dev/{name}", os.O_PATH), f"/dev/{name}") for name in DEVICES]
    old_proc = os.open("/proc", os.O_PATH)
    mount(None, "/", None, MS_REC | MS_PRIVATE, None)
    mount("tmpfs", NEW, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    os.umask(0o022)
    for target, name in links:
        os.symlink(target, NEW + name)
    for inner in (False, True):
        for handle, name, is_folder in handles:
            if name not in linked and sandbox.is_beneath(name, covered) is inner:
                _bind(handle, name, is_folder)
        for name in () if inner else covered:
            mount("tmpfs", NEW + name, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for name in covered:
        mount(None, NEW + name, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, None)
    for handle, name in devices:
        _bind(handle, name, is_folder=False, read_only=False)
    os.makedirs(f"{NEW}/dev/shm")
    _bind(old_proc, sandbox.OUTER_PROC, is_folder=True, read_only=False)
    for folder in ("/proc", "/tmp"):
        os.makedirs(NEW + folder, exist_ok=True)
    mount("proc", f"{NEW}/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, None)
    mount("tmpfs", f"{NEW}/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    for handle in [h for h, *_ in handles] + [h for h, _ in devices] + [old_proc]:
        os.close(handle)
    os.chdir(NEW)
    if libc.pivot_root(b".", b".") or libc.umount2(b".", MNT_DETACH):
        raise OSError(ctypes.get_errno(), "pivot_root: the new root can't be entered")
    mount(None, "/", None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, None)
    os.chdir("/tmp")


def _bind(handle: int, name: str, is_folder: bool, read_only: bool = True) -> None:
    """Show what an open handle stands for at a path of the new root."""
    target = NEW + name
    if is_folder:
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        Path(target).touch()
    mount(f"/proc/self/fd/{handle}", target, None, MS_BIND | MS_REC, None)
    if read_only:
        attributes = (ctypes.c_uint64 * 4)(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, 0, 0)
        if libc.syscall(MOUNT_SETATTR, AT_FDCWD, target.encode(), AT_RECURSIVE, attributes, ctypes.c_size_t(32)):
            raise OSError(ctypes.get_errno(), f"{name} can't be made read-only")


if __name__ == "__main__":
    raise SystemExit(main())
