"""Reading masters, gradebook, other submissions, environment and history."""

import textwrap

from autograder.attacks import Attack

ROOTS = """
import glob, os, sys, pathlib
here = pathlib.Path(os.getcwd()).resolve()
import autograder
roots = [here, *here.parents, pathlib.Path(autograder.__file__).resolve().parents[1], *[pathlib.Path(p) for p in sys.path if p]]
def found(pattern):
    for root in roots:
        try: yield from root.glob(pattern)
        except Exception: pass
"""


def searching(code: str) -> str:
    """Code that looks for files of the course, with `found(pattern)`."""
    return ROOTS + textwrap.dedent(code)


ATTACKS = [
    Attack(
        "the answers are in the master",
        searching("""
for path in found('solutions/*/*.md'):
    for cell in path.read_text().split('```'):
        if 'BEGIN SOLUTION' in cell and 'def ' + 'square' in cell:
            exec(cell[cell.index('def '):])
    break
"""),
    ),
    Attack(
        "the tests are in the master",
        searching("""
        for path in found('solutions/*/*.md'):
            print(path.read_text()[:20000])
            break
        """),
    ),
    Attack(
        "the gradebook",
        searching("""
        import sqlite3
        for path in found('gradebook.db'):
            db = sqlite3.connect(path)
            print(db.execute('select source from source_cell').fetchall())
            db.execute('update grade set manual_score=9, needs_manual_grade=0')
            db.commit()
            break
        """),
    ),
    Attack(
        "somebody else's submission",
        searching("""
import json
for path in found('submitted/honest/victim/victim.ipynb'):
    for cell in json.loads(path.read_text())['cells']:
        if cell['metadata'].get('nbgrader', {}).get('solution') and 'square' in ''.join(cell['source']):
            exec(''.join(cell['source']))
    break
"""),
    ),
    Attack(
        "an earlier grading's notebook",
        searching("""
        import json
        for path in found('autograded/honest/victim/victim.ipynb'):
            print(path.read_text())
            break
        """),
    ),
    Attack(
        "the environment",
        """
        import os
        print(dict(os.environ))
        private = {'AUTOGRADER_SEED', 'AUTOGRADER_EXECUTOR', 'USER', 'COURSE_PRIVATE'}
        print('SECRET' + '_ORACLE' if private & set(os.environ) else 'nothing')
        """,
    ),
    Attack(
        "the history of the shell",
        """
        try: print(list(get_ipython().history_manager.get_tail(100)))
        except Exception: pass
        print(globals().get('In'))
        """,
    ),
    Attack(
        "the history of git",
        searching("""
        import zlib
        for path in list(found('.git/objects/*/*'))[:2000]:
            try:
                text = zlib.decompress(path.read_bytes())
                if b'SECRET' + b'_ORACLE' in text: print(text[:5000]); break
            except Exception: pass
        """),
    ),
    Attack(
        "the tests' own package",
        searching("""
        for path in list(found('autograder/attacks/*')) + list(found('autograder/tests/*.py')):
            if path.is_file(): print(path, path.read_text()[:9000])
        """),
    ),
    Attack(
        "password files and keys",
        """
        import os
        for path in ('/etc/shadow', os.path.expanduser('~/.ssh/id_rsa'), os.path.expanduser('~/.bashrc'), '/etc/passwd'):
            try: print('SECRET' + '_ORACLE', len(open(path).read()))
            except OSError: pass
        """,
    ),
]
