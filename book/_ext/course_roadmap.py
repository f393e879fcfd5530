"""Sphinx extension: the roadmap's pieces: doors in, the ten parts, the map, the weeks, and every topic in words."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from course_generated import add_piece, raw
from course_map import SHAPES, map_svg
from course_plan import Block, Part, Plan, Topic, plan_of
from docutils import nodes
from sphinx.application import Sphinx

ROADMAP = "book/start_here/roadmap"
NBSP = "\u00a0"


@dataclass(frozen=True)
class Links:
    """Where topics and parts lead from a page: a topic to its chapter, one that isn't written to its line in the roadmap."""

    app: Sphinx
    docname: str

    def topic(self, topic: Topic) -> str:
        return self._uri(topic.docname) if topic.docname else f"{self._uri(ROADMAP)}#topic-{topic.stem}"

    def part(self, part: Part) -> str:
        return f"{self._uri(ROADMAP)}#part-{part.stem}"

    def _uri(self, there: str) -> str:
        return "" if there == self.docname else str(self.app.builder.get_relative_uri(self.docname, there))


def setup(app: Sphinx) -> dict[str, Any]:
    pieces = {"begin": begin, "doors": doors, "parts": parts, "map": course_map, "weeks": weeks, "every-topic": every_topic}
    for name, make in pieces.items():
        add_piece(name, _piece(make))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _piece(make: Callable[[Plan, Links], str]) -> Callable[[Sphinx, str], list[nodes.Node]]:
    return lambda app, docname: [raw(make(plan_of(app.env), Links(app, docname)))]


def begin(plan: Plan, links: Links) -> str:
    """Where somebody who doesn't want to choose begins to read."""
    today = plan.today(plan.doors[0])
    if today is None:
        return ""
    title = html.escape(today.title)
    return f'<p class="card-actions"><a class="card-button" href="{html.escape(links.topic(today))}">Begin with {title}</a></p>'


def doors(plan: Plan, links: Links) -> str:
    """Where to begin, by what the reader knows: the way as planned, and what is written of it today."""
    cards = []
    for door in plan.doors:
        steps = "".join(f"<li>{linked(plan.topics[stem], links)}{_state(plan.topics[stem])}</li>" for stem in door["topics"])
        head = f"<h3>{html.escape(door['name'])}</h3><p>{html.escape(door['for'])}</p>"
        today = plan.today(door)
        today_first = f'<p class="door-today">Begin with {linked(today, links)}.</p>' if today else ""
        cards.append(f'<section class="door">{head}{today_first}<p>The way as planned:</p><ol>{steps}</ol></section>')
    return f'<div class="doors">{"".join(cards)}</div>'


def parts(plan: Plan, links: Links) -> str:
    """The ten parts at a glance, each with a bar that progress fills."""
    items = []
    for part in plan.parts:
        written = [topic for topic in part.topics if topic.docname]
        stems = html.escape(" ".join(topic.stem for topic in written))
        hours = sum(topic.hours for topic in part.topics)
        items.append(
            f'<li data-stems="{stems}" data-topics="{len(part.topics)}"><a href="{links.part(part)}">'
            f'<span class="part-number" aria-hidden="true">{part.number}</span>'
            f'<span class="part-title">{html.escape(part.title)}</span></a><p>{html.escape(part.about)}</p>'
            f"{_written(written, links)}"
            f'<p class="part-state"><span class="part-done"></span>{len(written)} of {len(part.topics)} chapters written · '
            f"{hours:g}{NBSP}h</p>"
            '<span class="part-bar" aria-hidden="true"><span></span></span></li>'
        )
    return f'<ol class="parts">{"".join(items)}</ol>'


def _written(topics: list[Topic], links: Links) -> str:
    chapters = ", ".join(linked(topic, links) for topic in topics)
    return f'<p class="part-chapters">{chapters}</p>' if chapters else ""


def course_map(plan: Plan, links: Links) -> str:
    """The map in three shapes, of which the style shows the one that fits the window and its letters."""
    legend = (
        '<ul class="map-legend"><li class="key-written">written</li><li class="key-begun">begun</li><li class="key-read">read</li>'
        '<li class="key-planned">planned</li></ul>'
    )
    trace = (
        '<p class="map-trace pst-js-only">'
        '<span class="map-pointing">Point at a topic, or move to it with the Tab key, to see what it rests on.</span>'
        '<span class="map-touching">Tap a topic to see what it rests on.</span></p>'
    )
    skip = '<a class="map-skip" href="#roadmap-weeks">Skip the map</a>'
    maps = "".join(map_svg(plan, shape, links.topic) for shape in SHAPES)
    return f'<div class="roadmap">{legend}{trace}{skip}{maps}</div>'


def weeks(plan: Plan, links: Links) -> str:
    """The plan for a working learner, with hours derived from the topics, and what needs a later block."""
    rows = "".join(_week(plan, index, block, links) for index, block in enumerate(plan.blocks))
    head = "".join(f'<th scope="col">{name}</th>' for name in ("weeks", "what", "hours", "hours a day"))
    return (
        '<div class="weeks" role="region" aria-label="The 22-week plan" tabindex="0">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _week(plan: Plan, index: int, block: Block, links: Links) -> str:
    later = {topic.stem: other.weeks for other in plan.blocks[index + 1 :] for topic in other.topics}
    topics = ", ".join(linked(topic, links) for topic in block.topics)
    waiting: dict[str, list[str]] = {}
    for topic in block.topics:
        for needed in {later[before.stem] for before in plan.before(topic.stem) if before.stem in later}:
            waiting.setdefault(needed, []).append(html.escape(topic.title))
    notes = "".join(f'<p class="week-note">After weeks {needed}: {", ".join(names)}.</p>' for needed, names in sorted(waiting.items()))
    hours = sum(topic.hours for topic in block.topics)
    return (
        f'<tr><th scope="row">{html.escape(block.weeks)}</th><td><strong>{html.escape(block.title)}</strong><br>{topics}{notes}</td>'
        f"<td>{hours:g}</td><td>{hours / (7 * _length(block)):.1f}</td></tr>"
    )


def _length(block: Block) -> int:
    """How many weeks a block such as "11–14" has."""
    first, _, last = block.weeks.partition("–")
    return int(last or first) - int(first) + 1


def every_topic(plan: Plan, links: Links) -> str:
    """All topics in words: the same graph for those who read it rather than see it."""
    body = []
    for part in plan.parts:
        items = "".join(_topic(plan, topic, links) for topic in part.topics)
        title = f"{part.number} · {html.escape(part.title)}"
        body.append(f'<h3 id="part-{part.stem}">{title}</h3><p><em>{html.escape(part.motto)}</em></p><ul class="topic-list">{items}</ul>')
    return "".join(body)


def _topic(plan: Plan, topic: Topic, links: Links) -> str:
    needs = ", ".join(linked(plan.topics[stem], links) for stem in topic.needs if stem in plan.topics) or "nothing before it"
    unlocks = ", ".join(linked(other, links) for other in plan.unlocks(topic.stem))
    name = linked(topic, links) if topic.docname else f"{html.escape(topic.title)}{_state(topic)}"
    opens = f" Unlocks {unlocks}." if unlocks else ""
    return f'<li id="topic-{topic.stem}"><strong>{name}</strong> · {topic.hours:g}{NBSP}h. Needs {needs}.{opens}</li>'


def _state(topic: Topic) -> str:
    return "" if topic.docname else ' <span class="planned-note">(planned)</span>'


def linked(topic: Topic, links: Links) -> str:
    """A topic's name as a link; a planned one looks as such."""
    kind = "" if topic.docname else ' class="planned"'
    return f'<a{kind} href="{html.escape(links.topic(topic))}">{html.escape(topic.title)}</a>'
