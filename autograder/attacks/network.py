"""Network."""

from autograder.attacks import Attack

ATTACKS = [
    Attack(
        "talks to a server",
        """
        import socket
        try:
            s = socket.create_connection(('192.0.2.1', 80), 1); print('SECRET' + '_ORACLE sent')
        except OSError as error: print(error)
        """,
    ),
    Attack(
        "looks for other interfaces",
        """
        import socket
        if [n for _, n in socket.if_nameindex() if n != 'lo']: print('SECRET' + '_ORACLE')
        """,
    ),
    Attack(
        "talks to a service of the grader's machine",
        """
        import socket
        for port in (22, 80, 5432, 8888, 8786):
            try: socket.create_connection(('127.0.0.1', port), 0.2); print('SECRET' + '_ORACLE')
            except OSError: pass
        """,
    ),
    Attack(
        "serves others",
        """
        import socket
        try:
            s = socket.socket(); s.bind(('0.0.0.0', 8787)); s.listen()
        except OSError: pass
        """,
    ),
    Attack(
        "abstract and filesystem sockets",
        """
        import os, socket
        for path in [l.split()[-1] for l in open('/proc/net/unix') if l.split()[-1][0] in '/@']:
            s = socket.socket(socket.AF_UNIX)
            try: s.connect(path.replace('@', '\\0', 1)); print('SECRET' + '_ORACLE', path)
            except OSError: pass
        """,
    ),
    Attack(
        "raw sockets and netlink",
        """
        import socket
        try: socket.socket(socket.AF_PACKET, socket.SOCK_RAW); print('SECRET' + '_ORACLE')
        except OSError: pass
        """,
    ),
]
