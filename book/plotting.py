"""How the book draws: one style for every figure, and `explore` for pictures that can be played with."""

from __future__ import annotations

import base64
import html
import io
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
from IPython.core.getipython import get_ipython
from IPython.display import display
from matplotlib.figure import Figure
from PIL import Image

from book.display import building_book, content_id, json_script, number_text, rich_text, show_html

STYLE = Path(__file__).with_name("course.mplstyle")
MOST_FRAMES = 40
FRAME_BYTES = 25_000
LINE = 38  # characters below a slider on the narrowest phone


class Frame(NamedTuple):
    """One picture as WebP, its width and height in pixels, and what it says in words, with `$…$`."""

    webp: bytes
    size: tuple[int, int]
    says: str


def use_course_style() -> None:
    """Make Matplotlib draw as the book does. Every picture of a page then has exactly the size of its figure."""
    plt.style.use(STYLE)
    shell = get_ipython()
    if shell is not None and hasattr(shell, "kernel"):
        from matplotlib_inline.config import InlineBackend

        # Without this the inline backend crops each picture to its ink, and sizes differ from figure to figure.
        InlineBackend.instance(parent=shell).print_figure_kwargs = {"bbox_inches": None}


def explore(
    draw: Callable[..., object],
    *,
    alt: str,
    caption: str | None = None,
    start: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    figsize: tuple[float, float] = (5.6, 3.5),
    **axes: Sequence[Any],
) -> None:
    """Show a picture with one slider per axis: live in JupyterLab, drawn beforehand in the published page.

    What a frame says stands below it as text, for those who hear the page, search or print it: the string that `draw` returns, or else
    the titles in its picture. Of a longer text the first line is the point, and the lines below it are the numbers.
    Where all frames say the same, only the alt text of each new picture is read aloud.

    Args:
        draw: called as `draw(**values)`; draws on the current Matplotlib figure (or makes one itself), and may return a sentence.
        alt: what the picture shows; may hold fields such as `{beta}`, filled in for each frame.
        caption: one sentence saying what to try; may hold `$…$`.
        start: the first values shown; an axis that isn't named starts at its first value.
        labels: what a slider is called, if not by the name of its axis.
        figsize: width and height of the figure in inches; much wider than 5.6, and its text is too small on a phone.
        **axes: the values of each slider, at most 40 combinations in all.

    Raises:
        ValueError: the axes, `start`, `labels` or `alt` don't fit together.
        RuntimeError: `draw` failed; the message gives the values.
    """
    grid = {name: list(values) for name, values in axes.items()}
    first = _first_values(grid, start or {})
    named = {name: name.replace("_", " ") for name in grid} | dict(labels or {})
    if set(named) != set(grid):
        raise ValueError(f"explore: labels {sorted(set(named) - set(grid))} name no axis; the axes are {', '.join(grid)}")
    alts = [_alt(alt, values) for values in _combinations(grid)]
    if building_book():
        frames = [_frame(draw, values, figsize) for values in _combinations(grid)]
        show_html(_page(grid, named, first, alts, frames, caption))
    else:
        _live(draw, grid, named, first, figsize, caption)


def _first_values(grid: Mapping[str, Sequence[Any]], start: Mapping[str, Any]) -> dict[str, Any]:
    """The values shown first, after checking that the axes make sense."""
    if not grid:
        raise ValueError("explore: give at least one axis, such as beta=[0.0, 0.9]")
    for name, values in grid.items():
        if len(values) < 2:
            raise ValueError(f"explore: axis {name} needs at least two values, not {values}")
    count = 1
    for values in grid.values():
        count *= len(values)
    if count > MOST_FRAMES:
        shape = " × ".join(str(len(values)) for values in grid.values())
        raise ValueError(f"explore: {shape} = {count} frames, more than {MOST_FRAMES}; give fewer values to {', '.join(grid)}")
    for name, value in start.items():
        if name not in grid:
            raise ValueError(f"explore: start names {name}, which is no axis; the axes are {', '.join(grid)}")
        if value not in grid[name]:
            raise ValueError(f"explore: start {name}={value} is not one of its values {grid[name]}")
    return {name: start.get(name, values[0]) for name, values in grid.items()}


def _combinations(grid: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """All frames, the last axis varying fastest (as explore.js counts them)."""
    return (dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values()))


def _alt(alt: str, values: Mapping[str, Any]) -> str:
    try:
        return alt.format(**{name: number_text(value) for name, value in values.items()})
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(f"explore: alt may hold fields {{…}} only for {', '.join(values)}; double other braces ({error!r})") from error


@contextmanager
def _drawn(draw: Callable[..., object], values: Mapping[str, Any], figsize: tuple[float, float]) -> Iterator[tuple[Figure, str]]:
    """The figure that `draw` leaves, and what it says; it and any other that `draw` opened are closed afterwards."""
    before = set(plt.get_fignums())
    plt.figure(figsize=figsize)
    try:
        said = draw(**values)
        yield plt.gcf(), said if isinstance(said, str) else _titles(plt.gcf())
    except Exception as error:
        named = ", ".join(f"{name}={value!r}" for name, value in values.items())
        raise RuntimeError(f"explore: draw({named}) failed with {type(error).__name__}: {error}") from error
    finally:
        for number in set(plt.get_fignums()) - before:
            plt.close(number)


def _titles(figure: Figure) -> str:
    """The titles in a figure, each line of them set off by a semicolon."""
    titles = [figure.get_suptitle(), *(axes.get_title(loc) for axes in figure.axes for loc in ("left", "center", "right"))]
    return "; ".join(line.strip().rstrip(",;") for title in titles for line in title.splitlines() if line.strip())


def _frame(draw: Callable[..., object], values: Mapping[str, Any], figsize: tuple[float, float]) -> Frame:
    """One frame: few colours, or lossy where a palette isn't enough."""
    with _drawn(draw, values, figsize) as (figure, says):
        figure.canvas.draw()
        canvas: Any = figure.canvas
        picture = Image.frombuffer("RGBA", canvas.get_width_height(), bytes(canvas.buffer_rgba())).convert("RGB")
    few = picture.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")
    encoded = _webp(few, lossless=True)
    for quality in (80, 60, 40):
        if len(encoded) <= FRAME_BYTES:
            break
        encoded = _webp(picture, quality=quality)
    return Frame(encoded, picture.size, says)


def _webp(picture: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", method=4, **options)
    return buffer.getvalue()


def _page(
    grid: Mapping[str, Sequence[Any]],
    labels: Mapping[str, str],
    first: Mapping[str, Any],
    alts: Sequence[str],
    frames: Sequence[Frame],
    caption: str | None,
) -> str:
    """The published figure: an image, native sliders, and all frames as data (which the book's build turns into files)."""
    (width, height), sizes = frames[0].size, {frame.size for frame in frames}
    if len(sizes) > 1:
        raise ValueError(f"explore: frames have different sizes {sorted(sizes)}; let draw use the current figure, and no `bbox_inches`")
    shown = [{"src": _data_uri(frame.webp), "alt": alt} for frame, alt in zip(frames, alts, strict=True)]
    axes = [{"name": name, "values": [number_text(value) for value in values]} for name, values in grid.items()]
    name = content_id("explore", [axes, shown])
    start = list(_combinations(grid)).index(dict(first))
    default = shown[start]
    sliders = "".join(_slider(name, labels[axis], axis, values, first[axis]) for axis, values in grid.items())
    below = f"<figcaption>{rich_text(caption)}</figcaption>" if caption else ""
    return (
        f'<figure class="explore" id="{name}" style="--ratio:{width / height:.4g}">'
        f'<img src="{default["src"]}" alt="{html.escape(default["alt"])}" width="{width}" height="{height}" '
        'loading="lazy" decoding="async">'
        f'<div class="explore-sliders">{sliders}</div>{_readout([frame.says for frame in frames], start)}{below}'
        f"{json_script('explore-frames', {'axes': axes, 'frames': shown})}</figure>"
    )


def _readout(says: Sequence[str], start: int) -> str:
    """What the frame shown says, and for the script what the others say; if that is always the same, an unseen place for the alt text."""
    if len(set(says)) == 1:
        return '<p class="explore-readout explore-unseen" aria-live="polite"></p>'
    texts = [_said(text) for text in says]
    others = "".join(f"<p>{text}</p>" for text in texts)
    return f'<p class="explore-readout" aria-live="polite">{texts[start]}</p><template class="explore-readouts">{others}</template>'


def _said(text: str) -> str:
    """What a frame says, as HTML: its first line as the point, each line after it on a line of its own."""
    point, *more = text.split("\n")
    return rich_text(point) + "".join(f' <span class="explore-more">{rich_text(line)}</span>' for line in more)


def _slider(figure: str, label: str, axis: str, values: Sequence[Any], first: Any) -> str:
    index, text = values.index(first), html.escape(number_text(first))
    name = f"{figure}-{axis}"
    return (
        f'<div class="explore-slider"><label for="{name}">{rich_text(label)}</label>{_ticks(values)}'
        f'<input type="range" id="{name}" min="0" max="{len(values) - 1}" step="1" value="{index}" aria-valuetext="{text}">'
        f'<output for="{name}" aria-live="off">{text}</output></div>'  # a screen reader says the slider's own value
    )


def _ticks(values: Sequence[Any]) -> str:
    """A tick for each stop of a slider, labelled as far as there is room; a screen reader hears the value itself."""
    texts = [number_text(value) for value in values]
    last = len(texts) - 1
    step = next(step for step in range(1, last + 1) if step == last or (max(map(len, texts)) + 1) * last <= LINE * step)
    labelled = {*range(0, last - step + 1, step), last}
    ticks = "".join(f"<span><b>{html.escape(text)}</b></span>" if i in labelled else "<span></span>" for i, text in enumerate(texts))
    return f'<div class="explore-ticks" aria-hidden="true">{ticks}</div>'


def _data_uri(webp: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(webp).decode()


def _live(
    draw: Callable[..., object],
    grid: Mapping[str, Sequence[Any]],
    labels: Mapping[str, str],
    first: Mapping[str, Any],
    figsize: tuple[float, float],
    caption: str | None,
) -> None:
    """Sliders that draw when moved, for JupyterLab."""
    import ipywidgets

    sliders = {
        name: ipywidgets.SelectionSlider(
            options=[(number_text(value), value) for value in values],
            value=first[name],
            description=labels[name],
            style={"description_width": "initial"},
            layout={"width": "min(100%, 32rem)"},
        )
        for name, values in grid.items()
    }

    readout = ipywidgets.HTMLMath()

    def redraw(**values: Any) -> None:
        with _drawn(draw, values, figsize) as (figure, says):
            display(figure)
        readout.value = _said(says)

    output = ipywidgets.interactive_output(redraw, sliders)
    below = [ipywidgets.HTMLMath(rich_text(caption))] if caption else []
    display(ipywidgets.VBox([*sliders.values(), output, readout, *below]))
