"""Active content in what instructors open."""

from typing import Any

from autograder.attacks import Attack

SCRIPT = "<script>window.owned=1</script><img src=x onerror=window.owned=1>"


def _markdown(text: str) -> Any:
    def change(notebook: dict[str, Any]) -> None:
        notebook["cells"].insert(0, {"cell_type": "markdown", "id": "note", "metadata": {}, "source": text})

    return change


def _attachment(notebook: dict[str, Any]) -> None:
    cell = {"cell_type": "markdown", "id": "note", "metadata": {}, "source": "![x](attachment:x.svg)"}
    notebook["cells"].insert(0, cell | {"attachments": {"x.svg": {"image/svg+xml": SCRIPT}}})


def _metadata(notebook: dict[str, Any]) -> None:
    notebook["metadata"] |= {"title": SCRIPT, "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}}}}
    for cell in notebook["cells"]:
        cell["metadata"]["tags"] = ['"><script>window.owned=1</script>']


def _outputs(notebook: dict[str, Any]) -> None:
    data = {"text/html": SCRIPT, "application/javascript": "window.owned=1", "image/svg+xml": SCRIPT}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": data}]


ATTACKS = [
    Attack(
        "a script in an output",
        f"class H:\n    def _repr_html_(self): return '{SCRIPT}'\n    __repr__ = _repr_html_\ndisplay(H())\nH()",
    ),
    Attack("a script in what is printed", f"print('{SCRIPT}')\ndef square(x):\n    print('{SCRIPT}')\n    raise ValueError('{SCRIPT}')"),
    Attack("a script in Markdown", change=_markdown(SCRIPT)),
    Attack(
        "a link that runs a script",
        change=_markdown("[feedback](javascript:window.owned=1) <javascript:window.owned=1> [x]: javascript:window.owned=1"),
    ),
    Attack(
        "a formula that runs a script",
        change=_markdown("$\\href{javascript:window.owned=1}{x}$ $$\\unicode{<script>window.owned=1</script>}$$"),
    ),
    Attack("a script in an attachment", change=_attachment),
    Attack("a script in the metadata", change=_metadata),
    Attack("scripts in outputs that were handed in", change=_outputs),
    Attack(
        "a script in the code",
        """
        x = '''</pre></code></script><script>window.owned=1</script>'''
        """,
    ),
]
