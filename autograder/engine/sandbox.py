"""Starting the zygote in a sandbox: bubblewrap where it works, and a name for how strong the walls are.

Levels, weakest first:
- `none`: learner code runs as an ordinary process with limits on what it may use. It can read what the user can read.
- `namespaces`: user, mount, pid, ipc and network namespaces around the zygote and again around each submission; a read-only system that
  holds Python and the given code only; no network; no capabilities.
"""

from __future__ import annotations

import functools
import os
import shutil
import site
import subprocess
import sys
import sysconfig
from pathlib import Path

LEVELS = ("none", "namespaces")
DEFAULT_FLOOR = "namespaces"
NOBODY = 65534
OUTER_PROC = "/outer-proc"
ROOT = Path(__file__).resolve().parents[2]
GIVEN = ("autograder/__init__.py", "autograder/checks.py", "autograder/engine", "book")
SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/fonts", "/etc/alternatives"),
    "/sys/kernel/mm/transparent_hugepage",  # the C library looks here before it uses huge pages, see `environment`
)


class SandboxTooWeak(RuntimeError):
    """The walls are lower than asked for; the text says what to install or allow."""


def require(floor: str) -> str:
    """The level to run at: the best that works here, if it is not below `floor`."""
    if floor not in LEVELS:
        raise ValueError(f"sandbox_floor is one of {', '.join(LEVELS)}, not {floor!r}")
    level, reason = probe()
    if LEVELS.index(level) < LEVELS.index(floor):
        raise SandboxTooWeak(
            f"learner code can't be isolated on this machine: {reason}\n"
            "Install bubblewrap (Debian, Ubuntu: apt-get install bubblewrap) and allow unprivileged user namespaces, "
            f"or accept the risk: AUTOGRADER_SANDBOX_FLOOR={level}"
        )
    return level


@functools.lru_cache(maxsize=1)
def probe() -> tuple[str, str]:
    """The best level that works here, and why no better one does."""
    if sys.platform != "linux":
        return "none", "sandboxes need Linux"
    if shutil.which("bwrap") is None:
        return "none", "the program 'bwrap' (bubblewrap) is not installed"
    trial = (
        "import os; from autograder.engine import namespaces as n; from autograder.engine.limits import Limits\n"
        "pid = n.fork_into_namespaces()\n"
        "if pid == 0:\n n.enter_private_root(Limits()); os._exit(0 if os.getpid() == 1 else 3)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    )
    try:
        done = subprocess.run(
            [*command("namespaces"), "-c", trial], env=environment("namespaces"), capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return "none", str(error)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return "none", f"the kernel does not let bubblewrap make namespaces ({lines[-1]})"
    return "namespaces", ""


def command(level: str) -> list[str]:
    """The command that starts Python at a level; arguments for Python follow."""
    if level == "none":
        return [sys.executable, "-P", "-B"]
    python = [inside(sys.executable), "-P", "-B"]
    walls = ["bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    walls += ["--uid", str(NOBODY), "--gid", str(NOBODY), "--cap-drop", "ALL", "--new-session", "--die-with-parent"]
    for path in SYSTEM:
        if os.path.islink(path) and not os.path.isabs(os.readlink(path)):
            walls += ["--symlink", os.readlink(path), path]
        elif os.path.exists(path):
            walls += ["--ro-bind", path, path]
    for path in [*_python_prefixes(), *(str(ROOT / part) for part in GIVEN if (ROOT / part).exists())]:
        walls += ["--ro-bind", path, inside(path)]
    compiled = ROOT / "autograder/engine/__pycache__"
    walls += ["--tmpfs", inside(str(compiled))] if compiled.exists() else []
    # A namespace may mount /proc anew only beside one with nothing covered, and bubblewrap covers parts of its own.
    # So there is a second one, which submissions can't see.
    walls += ["--bind", "/proc", OUTER_PROC]
    walls += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--chdir", "/tmp", "--remount-ro", "/dev", "--remount-ro", "/"]
    return [*walls, "--", *python]


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
        "PYTHONPATH": str(ROOT) if level == "none" else inside(str(ROOT)),
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
