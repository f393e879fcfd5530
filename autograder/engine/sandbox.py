"""Starting the zygote in a sandbox: bubblewrap where it works, and a name for how strong the walls are.

Levels, weakest first:
- `none`: learner code runs as an ordinary process with limits on what it may use. If the kernel lacks Landlock too, it can read what the
  user can read.
- `unshared`: the same walls as `namespaces`, made by this package's own few lines (`unshared.py`) where bubblewrap is not installed.
- `namespaces`: user, mount, pid, ipc and network namespaces around the zygote and again around each submission; a read-only system that
  holds Python and the given code only; no network; no capabilities. Made by bubblewrap.

Landlock and a filter of system calls (`filters.py`) come on top of each, where the kernel has them.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import site
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

LEVELS = ("none", "unshared", "namespaces")
DEFAULT_FLOOR = "namespaces"
FLOOR_VARIABLE = "AUTOGRADER_SANDBOX_FLOOR"
NOBODY = 65534
OUTER_PROC = "/outer-proc"
EXCHANGE = "/usr/local/share/nbgrader"  # where nbgrader keeps what students hand in, unless it is told another place
FLAGS = ("-P", "-B")
SETPRIV = "/usr/bin/setpriv"
INSTALL = (
    "Install bubblewrap (Debian, Ubuntu: apt-get install bubblewrap; Fedora: dnf install bubblewrap; Arch: pacman -S bubblewrap; "
    "openSUSE: zypper install bubblewrap)"
)
ROOT = Path(__file__).resolve().parents[2]
GIVEN = ("autograder/__init__.py", "autograder/checks.py", "autograder/engine", "book")
SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/fonts", "/etc/alternatives"),
    "/sys/kernel/mm/transparent_hugepage",  # the C library looks here before it uses huge pages, see `environment`
)


class SandboxTooWeak(RuntimeError):
    """The walls are lower than asked for, or what is asked for is no level; the text says what to do."""


def require(floor: str) -> str:
    """The level to run at: the best that works here, if it is not below `floor`."""
    if floor not in LEVELS:
        raise SandboxTooWeak(f"{FLOOR_VARIABLE}={floor} is no level of the sandbox; set it to one of {', '.join(LEVELS)}")
    level, reason = probe()
    if LEVELS.index(level) < LEVELS.index(floor):
        raise SandboxTooWeak(
            f"learner code can't be isolated well enough on this machine: {reason}\n"
            f"{INSTALL}, and allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1; on Ubuntu also "
            f"kernel.apparmor_restrict_unprivileged_userns=0), or accept the risk: {FLOOR_VARIABLE}={level}"
        )
    return level


def described(level: str) -> str:
    """A level with all that stands beside it: what the record of a grade says."""
    from autograder.engine.filters import available

    return "+".join([level, *available(), "rlimits"])


@functools.lru_cache(maxsize=1)
def probe() -> tuple[str, str]:
    """The best level that works here, and why no better one does."""
    if sys.platform != "linux":
        return "none", "sandboxes need Linux (on macOS and Windows: grade in a Linux container or virtual machine)"
    reason = "the program 'bwrap' (bubblewrap) is not installed"
    if shutil.which("bwrap") is not None:
        reason = _why_not("namespaces", tuple(command("namespaces")))
        if not reason:
            return "namespaces", ""
        reason = f"the kernel does not let bubblewrap make namespaces ({reason})"
    own = _why_not("unshared", tuple(command("unshared")))
    return ("none", f"{reason}, and namespaces can't be made without it ({own})") if own else ("unshared", reason)


@functools.lru_cache(maxsize=8)
def _why_not(level: str, python: tuple[str, ...]) -> str:
    """Why a submission can't have namespaces of its own inside these walls; nothing if it can."""
    libraries = [name for name in ("numpy", "torch") if importlib.util.find_spec(name)]
    trial = (
        "import importlib.util as u, os; from autograder.engine import namespaces as n; from autograder.engine.limits import Limits\n"
        f"[open(u.find_spec(name).origin).close() for name in {libraries}]\n"
        "pid = n.fork_into_namespaces()\n"
        "if pid == 0:\n n.enter_private_root(Limits()); os._exit(0 if os.getpid() == 1 else 3)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    )
    try:
        done = subprocess.run([*python, "-c", trial], env=environment(level), capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1] if done.returncode else ""


def command(level: str) -> list[str]:
    """The command that starts Python at a level; arguments for Python follow."""
    if level == "none":
        return [sys.executable, *FLAGS]
    if level == "unshared":
        return [sys.executable, *FLAGS, "-m", "autograder.engine.unshared"]
    return _bubblewrap(steps_down=os.geteuid() == 0 and _root_can_step_down())


@functools.lru_cache(maxsize=1)
def _root_can_step_down() -> bool:
    """Whether root can start learner code as nobody: the kernel counts no processes of root's, so a fork bomb would meet no limit."""
    return os.path.exists(SETPRIV) and not _why_not("namespaces", tuple(_bubblewrap(steps_down=True)))


def _bubblewrap(steps_down: bool) -> list[str]:
    """Bubblewrap's walls around Python, which is nobody to the namespaces, and to the whole system if it `steps_down`."""
    walls = ["bwrap", "--unshare-pid", "--unshare-ipc", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try", "--cap-drop", "ALL"]
    nobody = str(NOBODY)
    if steps_down:
        walls += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        walls += [word for folder in _folders_above() for word in ("--perms", "0755", "--dir", folder)]
    else:
        walls += ["--unshare-user", "--uid", nobody, "--gid", nobody]
    for path in SYSTEM:
        if os.path.islink(path) and not os.path.isabs(os.readlink(path)):
            walls += ["--symlink", os.readlink(path), path]
        elif os.path.exists(path):
            walls += ["--ro-bind", path, path]
    hidden = covered()
    above = [path for path in visible() if not is_beneath(path, hidden)]
    walls += [word for path in above for word in ("--ro-bind", path, inside(path))]
    walls += [word for path in hidden for word in ("--perms", "0755", "--tmpfs", inside(path))]
    walls += [word for folder in _folders_above() if is_beneath(folder, hidden) for word in ("--perms", "0755", "--dir", folder)]
    walls += [word for path in visible() if path not in above for word in ("--ro-bind", path, inside(path))]
    walls += [word for path in hidden for word in ("--remount-ro", inside(path))]
    compiled = ROOT / "autograder/engine/__pycache__"
    walls += ["--tmpfs", inside(str(compiled))] if compiled.exists() else []
    # A namespace may mount /proc anew only beside one with nothing covered, and bubblewrap covers parts of its own.
    # So there is a second one, which submissions can't see.
    walls += ["--bind", "/proc", OUTER_PROC, "--proc", "/proc", "--dev", "/dev"]
    walls += ["--perms", "1777", "--tmpfs", "/tmp", "--chdir", "/tmp", "--remount-ro", "/dev", "--remount-ro", "/"]
    walls += ["--new-session", "--die-with-parent", "--"]
    down = [SETPRIV, "--reuid", nobody, "--regid", nobody, "--clear-groups", "--inh-caps=-all", "--no-new-privs", "--"]
    return [*walls, *(down if steps_down else []), inside(sys.executable), *FLAGS]


def visible() -> list[str]:
    """What there is in the sandbox besides the system: Python's own folders and the code that is given to learners."""
    return [*_python_prefixes(), *(str(ROOT / part) for part in GIVEN if (ROOT / part).exists())]


def covered() -> list[str]:
    """What lies inside the folders that are shown and is no learner's business: nbgrader's exchange, and the checkout itself."""
    shown = [*SYSTEM, *_python_prefixes()]
    secret = [EXCHANGE, *([str(ROOT)] if (ROOT / "solutions").is_dir() else [])]
    return [path for path in secret if os.path.isdir(path) and is_beneath(path, shown)]


def is_beneath(path: str, folders: Iterable[str]) -> bool:
    return any(path.startswith(folder.rstrip("/") + "/") for folder in folders)


def _folders_above() -> list[str]:
    """The folders, outermost first, in which what there is lies. Nobody may not enter those that bubblewrap makes by itself for root."""
    paths = [path for path in SYSTEM if os.path.exists(path)] + visible()
    return list(dict.fromkeys(str(p) for path in paths for p in reversed(Path(inside(path)).parents) if p != Path("/")))


def readable(level: str) -> list[str]:
    """What Landlock lets a learner's process read. Where there are walls, all that is inside them."""
    if level != "none":
        return ["/"]
    return [*SYSTEM, *visible(), "/proc", "/sys", "/dev"]


def inside(path: str) -> str:
    """Where a path of this machine is found in the sandbox, whose own /tmp would cover what lies there."""
    return "/course" + path if path.startswith(("/tmp/", "/dev/shm/")) else path


def _python_prefixes() -> list[str]:
    """Every folder that Python itself is made of, outermost only, outside /usr."""
    found = {sys.prefix, sys.base_prefix, *site.getsitepackages(), *sysconfig.get_paths().values()}
    found |= {str(Path(p).resolve()) for p in (sys.executable, sys.prefix, sys.base_prefix)}
    folders = sorted({p if os.path.isdir(p) else os.path.dirname(p) for p in found if os.path.exists(p)}, key=len)
    kept: list[str] = []
    for folder in folders:
        inside = any(folder == k or folder.startswith(k.rstrip("/") + "/") for k in [*kept, "/usr", "/bin", "/lib"])
        if not inside and Path(folder) not in (ROOT, Path("/"), Path.home()):
            kept.append(folder)
    return kept


def environment(level: str) -> dict[str, str]:
    """All that a fork can read in its environment."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "PYTHONPATH": inside(str(ROOT)) if level == "namespaces" else str(ROOT),
        "PYTHONHASHSEED": "0",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": "/tmp/matplotlib",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "TORCHINDUCTOR_CACHE_DIR": "/tmp/torch",
        # Huge pages make the page tables that each fork copies small: 7 ms of CPU for a fork and its end instead of 28.
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
        "PYTHONMALLOC": "malloc",
    }
