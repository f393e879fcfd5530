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
    Attack(
        "what no exercise asks of the kernel",
        """
        import ctypes, fcntl, os, resource, termios
        libc = ctypes.CDLL(None, use_errno=True)
        numbers = dict(memfd=319, keyring=250, uring=425, faults=323, bpf=321, perf=298, messages=68, queue=240, handle=304)
        for name, number in numbers.items():
            if libc.syscall(number, b'x', 0, 0, 0, 0) >= 0: print('SECRET' + '_ORACLE', name)
        def attempt(name, act, *arguments):
            try: act(*arguments); print('SECRET' + '_ORACLE', name)
            except (OSError, ValueError, PermissionError): pass
        for kind in ('CORE', 'NOFILE', 'FSIZE', 'NPROC', 'AS', 'CPU'):
            attempt(kind, resource.setrlimit, getattr(resource, 'RLIMIT_' + kind), (2**40, 2**40))
        attempt('priority', os.setpriority, os.PRIO_PROCESS, 0, -5)
        attempt('real time', os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(5))
        attempt('typing', lambda: fcntl.ioctl(os.open('/dev/tty', os.O_RDWR), termios.TIOCSTI, b'x'))
        attempt('device', os.mknod, '/tmp/device', 0o20600, os.makedev(1, 1))
        attempt('killer', lambda: open('/proc/self/oom_score_adj', 'w').write('-1000'))
        for name in ('core_pattern', 'shmall', 'ns_last_pid'):
            attempt(name, lambda: open(f'/proc/sys/kernel/{name}', 'w').write('1'))
        """,
    ),
    Attack(
        "stops all of its processes in a call",
        """
        import os, signal
        def square(x):
            if os.fork() == 0: os.kill(os.getppid(), signal.SIGSTOP); os.kill(0, signal.SIGSTOP)
            os.kill(os.getpid(), signal.SIGSTOP)
            return 0.0
        """,
    ),
    Attack(
        "a child goes on answering when the test has gone on",
        """
        import os, socket
        def lines():
            for fd in range(3, 64):
                try: yield socket.socket(fileno=os.dup(fd))
                except OSError: pass
        def square(x):
            if os.fork() == 0:
                os.setsid()
                from autograder.engine.codec_plain import PLAIN
                said = b''.join(map(bytes, map(PLAIN.dumps, ('', [], (), 0, []))))
                frame = b'A' + said + bytes(PLAIN.dumps(4.0))
                held = list(lines())
                for _ in range(300):
                    for line in held:
                        try: line.send(len(frame).to_bytes(4, 'little') + frame)
                        except OSError: pass
            return 4.0
        """,
    ),
    Attack(
        "descriptors handed to the grader",
        """
        import os, socket
        for fd in range(3, 64):
            try: line = socket.socket(fileno=os.dup(fd))
            except OSError: continue
            mine = [os.open('/dev/null', os.O_RDONLY) for _ in range(60)]
            for _ in range(8):
                try: socket.send_fds(line, [b'\\0'], mine)
                except OSError: break
            break
        """,
    ),
]
