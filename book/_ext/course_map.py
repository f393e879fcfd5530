"""The map of the course as one SVG: topics in reading order, row by row, and a line from each need to what needs it."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from course_plan import Part, Plan, Topic

LINE_HEIGHT = 14  # px, of a title inside its box
MOST_LINES = 4
HEADING = 46  # px, from the top of a part to its first row


@dataclass(frozen=True)
class Shape:
    """How a map is laid out, in pixels: the same topics for a wide window, for a phone or for paper."""

    name: str
    columns: int
    box: tuple[int, int]
    gap: tuple[int, int]

    @property
    def width(self) -> int:
        return self.columns * self.box[0] + (self.columns - 1) * self.gap[0] + 2 * self.margin

    @property
    def margin(self) -> int:
        return 12

    @property
    def letters(self) -> int:
        """How many letters of a title fit on one line, at 12 px a letter is about 6.6 px wide."""
        return int((self.box[0] - 18) / 6.6)


WIDE = Shape("wide", columns=4, box=(158, 62), gap=(22, 26))
NARROW = Shape("narrow", columns=2, box=(154, 62), gap=(16, 24))
SINGLE = Shape("single", columns=1, box=(154, 62), gap=(0, 24))  # for large letters
PAPER = Shape("paper", columns=7, box=(124, 62), gap=(8, 10))  # for one printed page, which is not cut
SHAPES = (WIDE, NARROW, SINGLE, PAPER)


def map_svg(plan: Plan, shape: Shape, href: Callable[[Topic], str]) -> str:
    """The map in one shape, as large as the page's letters. Every topic is a link with its whole name, state and needs in words.

    Args:
        href: where a topic's link leads.
    """
    places, tops, height = _places(plan, shape)
    bands = "".join(_band(part, tops[part.stem], shape) for part in plan.parts)
    lines = "".join(_edges(plan, places, shape))
    boxes = "".join(_box(plan, topic, places[topic.stem], shape, href(topic)) for part in plan.parts for topic in part.topics)
    return (
        f'<svg class="map map-{shape.name}" viewBox="0 0 {shape.width} {height}" '
        f'width="{shape.width / 16:g}rem" height="{height / 16:g}rem" '
        f'role="group" aria-label="Map of the course: {len(places)} topics in {len(plan.parts)} parts">'
        f'<g class="map-lines" aria-hidden="true">{lines}</g>{bands}{boxes}</svg>'
    )


def _places(plan: Plan, shape: Shape) -> tuple[dict[str, tuple[int, int]], dict[str, int], int]:
    """The corner (x, y) of each topic's box, the top of each part, and the height of the whole."""
    (width, tall), (across, down) = shape.box, shape.gap
    places, tops, y = {}, {}, 0
    for part in plan.parts:
        tops[part.stem] = y
        for index, topic in enumerate(part.topics):
            row, column = divmod(index, shape.columns)
            places[topic.stem] = (shape.margin + column * (width + across), y + HEADING + row * (tall + down))
        rows = -(-len(part.topics) // shape.columns)
        y += HEADING + rows * (tall + down) + 4
    return places, tops, y


def _band(part: Part, top: int, shape: Shape) -> str:
    title = html.escape(f"{part.number} · {part.title}")
    rule = f'<path class="map-rule" d="M{shape.margin} {top + 32}H{shape.width - shape.margin}"/>'
    return f'<text class="map-part" x="{shape.margin}" y="{top + 24}">{title}</text>{rule}'


def _edges(plan: Plan, places: dict[str, tuple[int, int]], shape: Shape) -> Iterator[str]:
    for part in plan.parts:
        for topic in part.topics:
            for need in topic.needs:
                if need in places:
                    near = "near" if plan.topics[need].part == topic.part else "far"
                    path = _curve(places[need], places[topic.stem], shape)
                    yield f'<path class="{near}" data-from="{need}" data-to="{topic.stem}" d="{path}"/>'


def _curve(start: tuple[int, int], end: tuple[int, int], shape: Shape) -> str:
    """From box to box: straight to the next one, in an arc over those between, or down from row to row."""
    (x, y), (to_x, to_y), (width, tall) = start, end, shape.box
    middle, to_middle = x + width // 2, to_x + width // 2
    if y == to_y and 0 < to_x - x <= width + shape.gap[0]:
        return f"M{x + width} {y + tall // 2}H{to_x}"
    if y == to_y:
        return f"M{middle} {y}C{middle} {y - 22} {to_middle} {y - 22} {to_middle} {to_y}"
    if y > to_y:  # a topic that comes before its need in reading order
        return f"M{middle} {y}C{middle} {y - 40} {to_middle} {to_y + tall + 40} {to_middle} {to_y + tall}"
    bend = min(70, (to_y - y - tall) // 2 + 8)
    return f"M{middle} {y + tall}C{middle} {y + tall + bend} {to_middle} {to_y - bend} {to_middle} {to_y}"


def _box(plan: Plan, topic: Topic, place: tuple[int, int], shape: Shape, href: str) -> str:
    (x, y), (width, tall) = place, shape.box
    needs = ", ".join(plan.topics[need].title for need in topic.needs if need in plan.topics)
    state = "" if topic.docname else ", planned"
    label = f"{topic.title}{state}. {f'Needs {needs}' if needs else 'Needs nothing before it'}. {topic.hours:g} hours."
    lines = textwrap.wrap(topic.title, shape.letters, max_lines=MOST_LINES, placeholder="…")
    first = y + tall / 2 - (len(lines) - 1) * LINE_HEIGHT / 2 + 4
    text = " ".join(  # the spaces are for those who hear it
        f'<tspan x="{x + width // 2}" y="{first + number * LINE_HEIGHT:g}">{html.escape(line)}</tspan>' for number, line in enumerate(lines)
    )
    tick = f'<path class="map-tick" d="M{x + width - 19} {y + 11}l4 5 8-9"/>' if topic.docname else ""
    return (
        f'<a href="{html.escape(href)}" class="{"written" if topic.docname else "planned"}" data-topic="{topic.stem}" '
        f'aria-label="{html.escape(label)}"><rect x="{x}" y="{y}" width="{width}" height="{tall}" rx="8"/>'
        f'<text class="map-title">{text}</text>{tick}</a>'
    )
