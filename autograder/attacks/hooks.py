"""Interpreter and shell hooks."""

from autograder.attacks import Attack

ATTACKS = [
    Attack(
        "a syntax-tree transformer drops assertions",
        """
        import ast
        class NoTests(ast.NodeTransformer):
            def visit_Assert(self, node): return ast.Pass()
            def visit_Expr(self, node):
                return ast.Pass() if 'check' in ast.dump(node) or 'assert' in ast.dump(node) else node
        try: get_ipython().ast_transformers.append(NoTests())
        except Exception: pass
        """,
    ),
    Attack(
        "an input transformer empties test cells",
        """
        def empty(lines):
            return ['pass\\n'] if 'check' in ''.join(lines) else lines
        try: get_ipython().input_transformers_cleanup.append(empty)
        except Exception: pass
        """,
    ),
    Attack(
        "run_cell does nothing",
        """
        try: get_ipython().run_cell = lambda *a, **k: get_ipython().last_execution_result
        except Exception: pass
        import sys
        sys.exit = lambda *a: None
        """,
    ),
    Attack(
        "errors are not shown",
        """
        try:
            get_ipython().showtraceback = lambda *a, **k: None
            get_ipython()._showtraceback = lambda *a, **k: None
        except Exception: pass
        """,
    ),
    Attack(
        "a custom exception handler",
        """
        try: get_ipython().set_custom_exc((Exception,), lambda *a, **k: None)
        except Exception: pass
        """,
    ),
    Attack(
        "the kernel's answers are rewritten",
        """
        try:
            kernel = get_ipython().kernel
            old = kernel.session.send
            def send(stream, kind, content=None, *a, **k):
                if kind == 'error': return None
                if isinstance(content, dict) and content.get('status') == 'error': content = {'status': 'ok', 'execution_count': 1}
                return old(stream, kind, content, *a, **k)
            kernel.session.send = send
        except Exception: pass
        """,
    ),
    Attack(
        "settrace and setprofile",
        """
        import sys
        sys.settrace(lambda *a: None)
        sys.setprofile(lambda *a: None)
        sys.excepthook = lambda *a: None
        """,
    ),
    Attack(
        "a trace function skips failing lines",
        """
        import sys
        def skip(frame, event, arg):
            if event == 'exception' and 'check' in frame.f_code.co_name:
                frame.f_trace_lines = False
            return skip
        sys.settrace(skip)
        import numpy.testing as t
        for name in dir(t):
            if name.startswith('assert'): setattr(t, name, lambda *a, **k: None)
        """,
    ),
    Attack(
        "compile and exec",
        """
        import builtins
        builtins.compile = lambda *a, **k: (lambda: None).__code__
        builtins.exec = lambda *a, **k: None
        """,
        expected=0.0,
    ),  # its own later cells run no more
    Attack(
        "an import hook",
        """
        import sys
        class Finder:
            def find_spec(self, name, *a):
                if 'autograder' in name: raise ImportError
        sys.meta_path.insert(0, Finder())
        """,
    ),
    Attack(
        "modules are taken out",
        """
        import sys
        for n in list(sys.modules):
            if n.startswith('autograder'): sys.modules[n] = None
        """,
    ),
    Attack(
        "a codec and an exit hook",
        """
        import atexit, codecs
        codecs.register(lambda n: None)
        atexit.register(lambda: print('passed'))
        """,
    ),
    Attack(
        "garbage-collector callbacks",
        """
        import gc
        gc.callbacks.append(lambda *a: gc.get_objects())
        gc.set_threshold(1, 1, 1)
        """,
    ),
    Attack(
        "the display hook",
        """
        import sys
        sys.displayhook = lambda *a: None
        import builtins
        builtins.print = lambda *a, **k: None
        """,
    ),
]
