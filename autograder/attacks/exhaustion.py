"""Memory, forks, disk, output and time."""

import json
from typing import Any

from autograder.attacks import Attack


def _huge_line(notebook: dict[str, Any]) -> bytes:
    """Many empty lines, on which a careless pattern takes quadratic time."""
    return _with(notebook, "\n" * 400_000 + "x = 1")


def _many_magics(notebook: dict[str, Any]) -> bytes:
    """Lines that IPython rewrites one at a time, reading the whole cell anew for each."""
    return _with(notebook, "a = !ls\n" * 120 + "x = 1\n" * 20_000)


def _many_marks(notebook: dict[str, Any]) -> bytes:
    """Beginnings of hidden tests that do not end."""
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "test_square":
            cell["source"] = "### BEGIN HIDDEN TESTS\n" * 60_000
    return json.dumps(notebook).encode()


def _much_markdown(notebook: dict[str, Any]) -> bytes:
    """Markdown and HTML that take parsers long."""
    for text in ("<a><b><i><p>" * 8_000, "\\\\(" * 30_000, "*a" * 30_000):
        notebook["cells"].append({"cell_type": "markdown", "id": f"m{len(notebook['cells'])}", "metadata": {}, "source": text})
    return json.dumps(notebook).encode()


def _many_cells(notebook: dict[str, Any]) -> bytes:
    return _cells_of("1", 20_000)(notebook)


def _cells_of(source: str, count: int) -> Any:
    """Cells of the learner's own behind the first test."""

    def change(notebook: dict[str, Any]) -> bytes:
        cell: dict[str, Any] = {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        notebook["cells"][4:4] = [cell | {"id": f"own{number}"} for number in range(count)]
        return json.dumps(notebook).encode()

    return change


def _many_parts(notebook: dict[str, Any]) -> bytes:
    """Small in the file, and twenty times as large in memory."""
    return b'{"nbformat": 4, "cells": [' + b"[]," * 10_000_000 + b"1]}"


def _deep(notebook: dict[str, Any]) -> bytes:
    return b'{"cells": ' + b"[" * 100_000 + b"]" * 100_000 + b', "nbformat": 4}'


def _with(notebook: dict[str, Any], source: str) -> bytes:
    cell: dict[str, Any] = {"cell_type": "code", "id": "extra", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
    notebook["cells"].append(cell)
    return json.dumps(notebook).encode()


MEMORY = "takes the machine's memory"
FORKS = "takes the machine's processes"

ATTACKS = [
    Attack("an endless loop", "while True: pass"),
    Attack("an endless loop in C", "sum(range(10**13))"),
    Attack(
        "an endless call",
        """
        def square(x):
            while True: pass
        """,
    ),
    Attack(
        "memory bit by bit",
        """
        x = []
        while True: x.append(bytearray(10**7))
        """,
        harms=MEMORY,
    ),
    Attack("memory in one piece", "np.ones(10**10)"),
    Attack(
        "memory by many processes",
        """
        import os
        for _ in range(8):
            if os.fork() == 0:
                b = bytearray(300 * 2**20)
                while True: pass
        while True: pass
        """,
        harms=MEMORY,
    ),
    Attack(
        "memory that belongs to no process",
        """
        import os
        files = []
        for _ in range(200):
            files.append(os.memfd_create('x'))
            os.write(files[-1], b'x' * 2**23)
        def square(x): return 'held'
        """,
        harms=MEMORY,
    ),
    Attack(
        "memory of System V",
        """
        import ctypes
        libc = ctypes.CDLL(None)
        libc.shmat.restype = ctypes.c_void_p
        made = [libc.shmget(0, 2**26, 0o1600) for _ in range(32)]
        for number in made:
            place = ctypes.c_void_p(libc.shmat(number, None, 0) if number >= 0 else -1)
            if number >= 0: ctypes.memset(place, 1, 2**26); libc.shmdt(place); print('SECRET' + '_ORACLE')
        """,
        harms=MEMORY,
    ),
    Attack(
        "memory in place of what was there",
        """
        import ctypes, os, time
        def own():
            for line in open('/proc/self/maps'):
                words = line.split()
                if words[1] == 'rw-p' and (len(words) == 5 or words[5] == '[heap]'):
                    first, last = (int(word, 16) for word in words[0].split('-'))
                    for page in range(first, last, 4096): ctypes.memmove(page, page, 1)
        for number in range(16):
            if os.fork() == 0:
                if number % 2: ctypes.CDLL(None).prctl(4, 0)
                own()
                while True: time.sleep(9)
        time.sleep(2.5)
        print('SECRET' + '_ORACLE')
        """,
        harms=MEMORY,
    ),
    Attack(
        "memory behind sockets",
        """
        import os, socket, time
        for _ in range(16):
            if os.fork() == 0:
                held = []
                while True:
                    try: held += socket.socketpair()
                    except OSError: time.sleep(9); continue
                    for end in held[-2:]:
                        end.setblocking(False)
                        try:
                            while True: end.send(bytes(60_000))
                        except OSError: pass
        time.sleep(2.5)
        print('SECRET' + '_ORACLE')
        """,
        harms=MEMORY,
    ),
    Attack(
        "memory of the tests' process",
        """
        def square(x):
            return (np.zeros(2**24) for _ in range(10**6))
        def cube(x): return square(x)
        """,
    ),
    Attack(
        "small results that unfold",
        """
        def square(x):
            return [np.broadcast_to(np.zeros(2**16), (64, 2**16))[:, ::2] for _ in range(400)]
        """,
    ),
    Attack(
        "a fork bomb",
        """
        import os
        while True:
            try: os.fork()
            except OSError: pass
        """,
        harms=FORKS,
    ),
    Attack(
        "a thread bomb",
        """
        import threading, time
        while True:
            try: threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
            except RuntimeError: break
        """,
    ),
    Attack(
        "a full disk",
        """
        f = open('/tmp/attack-file', 'wb')
        while True: f.write(b'x' * 2**20)
        """,
    ),
    Attack(
        "a million files",
        """
        import os
        os.makedirs('/tmp/attack-files', exist_ok=True)
        for i in range(20_000):
            open(f'/tmp/attack-files/{i}', 'w').close()
        """,
    ),
    Attack("output without end", "for i in range(10**6): print('x' * 100)", harms="fills the gradebook's files with 100 MB of output"),
    Attack(
        "output in a call",
        """
        def square(x):
            for i in range(10**5): print('x' * 1000)
            return 0.0
        """,
    ),
    Attack(
        "endless recursion",
        """
        def r(): return r() + r()
        r()
        """,
    ),
    Attack(
        "a huge result",
        """
        def square(x):
            return np.zeros(2**27)
        """,
    ),
    Attack(
        "a nested result",
        """
        def square(x):
            return [[]] * 10**6
        """,
    ),
    Attack(
        "results that take long to sum up",
        """
        def square(x):
            block = np.ones(64)
            for _ in range(4):
                block = [block] * 8
            return block
        def cube(x): return square(x)
        """,
    ),
    Attack(
        "an integer of a million digits",
        """
        def square(x):
            return 7 ** 3_000_000
        def cube(x): return 7 ** 3_000_000
        """,
    ),
    Attack(
        "keys that collide",
        """
        def square(x):
            return {k * (2**61 - 1): 0 for k in range(1, 60_000)}
        """,
    ),
    Attack(
        "a byte now and then",
        """
        import socket, time
        for fd in range(3, 64):
            try: s = socket.socket(fileno=fd)
            except OSError: continue
            while True:
                s.send(b"\\x01")
                time.sleep(0.2)
        """,
        harms="writes into the kernel's own sockets for ever",
    ),
    Attack("lines that take a pattern quadratic time", change=_huge_line),
    Attack("lines that IPython rewrites one by one", change=_many_magics, harms="takes IPython minutes"),
    Attack("marks of hidden tests without end", change=_many_marks),
    Attack("Markdown that takes parsers long", change=_much_markdown, harms="takes the parsers minutes"),
    Attack("cells without end", change=_many_cells, expected=0.0, harms="takes nbgrader many minutes"),
    Attack("output of many cells", change=_cells_of("print('x' * 60_000)", 200)),
    Attack("failures of many cells", change=_cells_of("raise ValueError('x' * 60_000)", 200)),
    Attack("JSON of ten million parts", change=_many_parts, expected=0.0),
    Attack("JSON nested a hundred thousand deep", change=_deep, expected=0.0),
]
