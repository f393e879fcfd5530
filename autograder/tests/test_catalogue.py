"""Wrong solutions and variants are read as text and put in the place of what they stand for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autograder.catalogue import CatalogueError, read_alternatives, replace_definition
from autograder.engine.parsing import parse

FILE = '''
import functools
from autograder.catalogue import variant, wrong

@wrong("power", caught_by="test_power", section="s-a", misconception="It's n times x – not x to the n.", also=("test_b",))
@functools.cache
def times_é(x, n):
    """é"""
    return x if n == 1 else x + times_é(x, n - 1)

@variant("Adam", why="a class")
class Rewritten:
    def clone(self):
        return Rewritten()
'''


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "wrong.py"
    path.write_text(text)
    return path


def test_entries_are_renamed_to_what_they_replace(tmp_path: Path) -> None:
    (entry,) = read_alternatives(write(tmp_path, FILE), "wrong")
    assert (entry.name, entry.target, entry.caught_by, entry.also) == ("times_é", "power", "test_power", ("test_b",))
    namespace: dict[str, object] = {}
    exec("import functools\n" + entry.source, namespace)
    assert namespace["power"](2, 5) == 10  # type: ignore[operator]
    (variant,) = read_alternatives(write(tmp_path, FILE), "variant")
    exec(variant.source, namespace)
    assert type(namespace["Adam"]().clone()).__name__ == "Adam"  # type: ignore[operator]


def test_replacing_keeps_the_rest_of_the_cell(tmp_path: Path) -> None:
    (entry,) = read_alternatives(write(tmp_path, FILE), "wrong")
    cell = "import functools\n@functools.cache\ndef power(x, n):\n    return x**n\n\nAFTER = power(2, 3)"
    namespace: dict[str, object] = {}
    exec(replace_definition(cell, entry), namespace)
    assert namespace["AFTER"] == 6
    with pytest.raises(CatalogueError, match=r"wrong\.py:7: no solution cell defines 'power'"):
        replace_definition("def other(): ...", entry)


@pytest.mark.parametrize("decorator", ["@wrong()", "@wrong('f', caught_by=name)"])
def test_a_decorator_that_is_not_literal_is_refused(tmp_path: Path, decorator: str) -> None:
    with pytest.raises(CatalogueError, match=r"wrong\.py:1: the decorator takes"):
        read_alternatives(write(tmp_path, f"{decorator}\ndef f(): ..."), "wrong")


def test_a_missing_file_has_no_entries_and_a_broken_one_names_its_line(tmp_path: Path) -> None:
    assert read_alternatives(tmp_path / "none.py", "wrong") == []
    with pytest.raises(CatalogueError, match=r"wrong\.py:2"):
        read_alternatives(write(tmp_path, "x = 1\ndef f(:"), "wrong")


def test_files_can_be_read_from_several_threads_at_once() -> None:
    source = "x = " + "(" * 40 + "1" + ")" * 40 + "\n" + "y = [a.b(c)[d] for a in z]\n" * 300
    with ThreadPoolExecutor(8) as pool:
        trees = list(pool.map(lambda _: parse(source), range(64)))
    assert {len(tree.body) for tree in trees} == {301}
