"""Processes, signals, threads and daemons."""

from autograder.attacks import Attack

FORBID = "kills what it can reach, the command around it too"

ATTACKS = [
    Attack(
        "kills its parent",
        """
        import os, signal
        def square(x):
            os.kill(os.getppid(), signal.SIGKILL) if os.getppid() > 1 else os.kill(1, 9)
            return 0
        """,
    ),
    Attack(
        "kills everything",
        """
        import os, signal
        def square(x):
            os.kill(-1, signal.SIGKILL)
            return 0
        """,
    ),
    Attack(
        "stops itself",
        """
        import os, signal
        os.kill(os.getpid(), signal.SIGSTOP)
        os.abort()
        """,
    ),
    Attack(
        "ignores all signals and spins",
        """
        import signal
        for s in range(1, 31):
            try: signal.signal(s, signal.SIG_IGN)
            except (OSError, ValueError): pass
        while True: pass
        """,
    ),
    Attack(
        "ends with success",
        """
        import os
        def square(x):
            os._exit(0)
        """,
    ),
    Attack(
        "sys.exit in a call",
        """
        import sys
        def square(x):
            sys.exit(0)
        """,
    ),
    Attack(
        "crashes the interpreter",
        """
        import ctypes
        ctypes.string_at(0)
        """,
    ),
    Attack(
        "leaves a daemon",
        """
        import os, sys
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(600)', 'sleeper-4711'])
            os._exit(0)
        """,
    ),
    Attack(
        "leaves threads",
        """
        import threading, time
        for _ in range(8): threading.Thread(target=time.sleep, args=(600,)).start()
        """,
    ),
    Attack(
        "a thread that takes checks away",
        """
        import threading, time
        def take():
            while True:
                np.testing.assert_allclose = print; globals()['check_close'] = globals()['check'] = print
                time.sleep(0.001)
        threading.Thread(target=take, daemon=True).start()
        """,
    ),
    Attack(
        "an alarm in the middle of the tests",
        """
        import signal
        signal.signal(signal.SIGALRM, lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        """,
    ),
    Attack(
        "forks in a call, and both answer",
        """
        import os
        def square(x):
            os.fork()
            return 0.0
        """,
    ),
    Attack(
        "traces the tests' process",
        """
        import ctypes, os
        libc = ctypes.CDLL(None)
        for pid in range(1, 400):
            if libc.ptrace(16, pid, 0, 0) == 0: print('SECRET' + '_ORACLE attached', pid)
        """,
    ),
    Attack(
        "namespaces of its own",
        """
        import ctypes
        libc = ctypes.CDLL(None)
        if libc.unshare(0x10000000) == 0 or libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0: print('SECRET' + '_ORACLE')
        """,
    ),
]
