"""Symbolic links and paths."""

import os
from pathlib import Path

from autograder.attacks import Attack
from autograder.attacks.reading import searching


def _link_to_another(folder: Path) -> None:
    """Hand in a link to somebody else's notebook."""
    (folder / "victim.ipynb").unlink()
    (folder / "victim.ipynb").symlink_to(folder.parents[1] / "honest" / "victim" / "victim.ipynb")


def _folder_is_a_link(folder: Path) -> None:
    (folder / "victim.ipynb").unlink()
    (folder / "timestamp.txt").unlink(missing_ok=True)
    folder.rmdir()
    folder.symlink_to(folder.parents[1] / "honest" / "victim")


def _pipe(folder: Path) -> None:
    """A named pipe, which nobody writes to."""
    (folder / "victim.ipynb").unlink()
    os.mkfifo(folder / "victim.ipynb")


def _link_beside(folder: Path) -> None:
    (folder / "timestamp.txt").unlink(missing_ok=True)
    (folder / "timestamp.txt").symlink_to(folder.parents[2] / "solutions" / "victim" / "victim.md")
    (folder / "data.csv").symlink_to("/etc/passwd")


ATTACKS = [
    Attack("a link to another's notebook", place=_link_to_another, expected=0.0),
    Attack("a folder that is a link", place=_folder_is_a_link, expected=0.0),
    Attack("a pipe instead of a file", place=_pipe, expected=0.0, harms="waits for ever"),
    Attack("links beside the notebook", place=_link_beside),
    Attack(
        "writes over the course's files",
        searching("""
        for path in [*found('solutions/*/*.md'), *found('autograder/checks.py'), *found('submitted/honest/victim/victim.ipynb')]:
            try: path.write_text('SECRET' + '_ORACLE'); print('SECRET' + '_ORACLE', path)
            except OSError: pass
        """),
    ),
    Attack(
        "paths through /proc",
        """
        import glob
        for path in glob.glob('/proc/*/root') + glob.glob('/proc/*/cwd') + ['/outer-proc']:
            for name in ('solutions', 'gradebook.db'):
                try:
                    import os
                    if name in os.listdir(path): print('SECRET' + '_ORACLE', path)
                except OSError: pass
        """,
    ),
    Attack(
        "links in /tmp to what the grader may write",
        """
        import os
        for name in ('matplotlib', 'torch', 'attack-link'):
            try: os.symlink('/etc/passwd', f'/tmp/{name}')
            except OSError: pass
        """,
    ),
]
