"""Poisoned exception text and objects."""

from autograder.attacks import Attack

ATTACKS = [
    Attack(
        "text that exits",
        """
        class E(Exception):
            def __str__(self): raise SystemExit
            __repr__ = __str__
        def square(x):
            raise E
        """,
    ),
    Attack(
        "text without end",
        """
        def square(x):
            raise ValueError('x' * 10**8)
        """,
    ),
    Attack(
        "text with lone surrogates",
        """
        print('\\ud800 printed')
        def square(x):
            print('\\udfff printed')
            raise ValueError('\\udcff raised')
        """,
    ),
    Attack(
        "text with terminal and page codes",
        """
        def square(x):
            raise ValueError('\\x1b]0;owned\\x07\\x1b[2J<script>alert(1)</script>[/red][link=http://x]y')
        """,
    ),
    Attack(
        "text with codes for a terminal in a cell that fails",
        """
        raise ValueError('\\x1b]0;owned\\x07\\x9b2J') # \x1b]0;owned\x07
        """,
    ),
    Attack(
        "arguments that run code",
        """
        class Bad:
            def __reduce__(self): return (print, ('SECRET' + '_ORACLE',))
            def __getattr__(self, n): raise SystemExit
        def square(x):
            raise ValueError(Bad(), Bad())
        """,
    ),
    Attack(
        "an exception without a base",
        """
        class Quit(BaseException): pass
        def square(x):
            raise Quit
        """,
    ),
    Attack(
        "a check's own failure",
        """
        from autograder.checks import CheckFailed
        def square(x):
            raise CheckFailed('SECRET' + ' property', 'detail', 'hint')
        """,
    ),
    Attack(
        "a class name as long as a book",
        """
        def square(x):
            raise type('E' * 10**6, (Exception,), {})
        """,
    ),
    Attack(
        "a chain of causes",
        """
        def square(x):
            error = ValueError()
            for _ in range(10**4):
                new = ValueError(); new.__cause__ = error; error = new
            raise error
        """,
    ),
    Attack(
        "a group of exceptions",
        """
        def square(x):
            raise ExceptionGroup('g', [ValueError(i) for i in range(1000)])
        """,
    ),
    Attack("a traceback of generated code", "exec(compile('\\n' * 10**6 + 'def square(x): raise ValueError', '<square>', 'exec'))"),
    Attack(
        "NotImplementedError for ever",
        """
        def square(x):
            raise NotImplementedError('x' * 10**6)
        """,
    ),
    Attack(
        "a long result in a bare assertion",
        answers={
            "cube": """
        class Long(str): pass
        def cube(x):
            return 'x' * 10**7
        """
        },
    ),
]
