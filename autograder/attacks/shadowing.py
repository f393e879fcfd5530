"""Shadowing modules for later submissions."""

from autograder.attacks import Attack
from autograder.attacks.reading import searching

PLANT = """
for folder in dict.fromkeys([*map(str, roots[:1]), *sys.path, os.path.dirname(os.path.dirname(np.__file__)), os.path.expanduser('~')]):
    for name in NAMES:
        try:
            with open(os.path.join(folder or '.', name), 'a') as file: file.write(TEXT)
            if folder != '/tmp': print('SECRET' + '_ORACLE written', folder, name)
        except OSError: pass
"""


def planting(names: list[str], text: str) -> str:
    """Code that writes `text` into files of these names wherever Python may look for modules."""
    return searching(f"NAMES, TEXT = {names!r}, {text!r}\n{PLANT}")


ATTACKS = [
    Attack("a sitecustomize.py", planting(["sitecustomize.py", "usercustomize.py"], "import builtins")),
    Attack("a numpy.py beside the notebook", planting(["zz_attack_numpy.py"], "x = 1")),
    Attack("a .pth file", planting(["zz_attack.pth"], "import sys")),
    Attack(
        "compiled files",
        searching("""
        import numpy.testing, importlib.util
        path = importlib.util.cache_from_source(numpy.testing.__file__)
        try:
            open(path, 'ab').close(); print('SECRET' + '_ORACLE', path)
        except OSError: pass
        """),
    ),
    Attack(
        "IPython's startup folder",
        """
        import os
        folder = os.path.expanduser('~/.ipython/profile_default/startup')
        try:
            os.makedirs(folder, exist_ok=True)
            open(folder + '/00-attack.py', 'w').write('pass')
            print('SECRET' + '_ORACLE' if os.path.expanduser('~') != '/tmp' else '')
        except OSError: pass
        """,
    ),
    Attack(
        "modules left in the process",
        """
        import sys, types
        left = types.ModuleType('left_by_attack')
        sys.modules['left_by_attack'] = left
        np.left_by_attack = True
        import builtins
        builtins.left_by_attack = True
        """,
    ),
    Attack(
        "files left in /tmp",
        """
        import os
        print('SECRET' + '_ORACLE' if os.path.exists('/tmp/left_by_attack') else '')
        open('/tmp/left_by_attack', 'w').close()
        open('/dev/shm/left_by_attack', 'w').close()
        """,
    ),
]
