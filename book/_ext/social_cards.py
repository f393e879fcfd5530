"""The picture that a link to a page shows where it is shared: the page's title in the book's colours."""

from __future__ import annotations

import hashlib
import io
import textwrap
from pathlib import Path

from PIL import Image

WIDTH, HEIGHT = 1200, 630  # pixels, as Open Graph asks
DESIGN = "2"  # counts the designs, as pictures are drawn only once
BLUE, ORANGE, WHITE = "#0b5a93", "#f4a340", "#ffffff"


def card(site: Path, title: str, book: str) -> str:
    """Draw the card into the site's `_images`, unless it is there; returns its name."""
    name = f"card-{hashlib.sha256('|'.join([DESIGN, title, book]).encode()).hexdigest()[:16]}.png"
    path = site / "_images" / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_draw(title, book))
    return name


def _draw(title: str, book: str) -> bytes:
    import numpy as np  # only here: few builds draw a card, and these take long to load
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor=BLUE)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(0, HEIGHT))
    axes.axis("off")
    x = np.linspace(-1, 1, 200)  # the logo: a loss, and a point on its way down
    axes.plot(1010 + 110 * x, 70 + 200 * x**2, color=WHITE, linewidth=10, solid_capstyle="round")
    axes.plot([1010 - 45], [70 + 200 * (45 / 110) ** 2 + 22], marker="o", markersize=26, color=ORANGE, markeredgewidth=0)
    size, width = (60, 20) if len(title) <= 44 else (44, 28)
    lines = textwrap.wrap(title, width)
    axes.text(80, 540, "\n".join(lines), color=WHITE, fontsize=size, fontweight="bold", va="top", linespacing=1.25, parse_math=False)
    if title != book:
        axes.text(80, 90, book, color=WHITE, fontsize=28, va="center", parse_math=False)
    canvas.draw()
    buffer = io.BytesIO()
    picture = Image.frombuffer("RGBA", canvas.get_width_height(), bytes(canvas.buffer_rgba())).convert("RGB")
    picture.quantize(32, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(buffer, "PNG")
    return buffer.getvalue()
