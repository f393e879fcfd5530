"""`autograder new`: the files of a new topic, complete enough to build, and every line of the template marked where it must go."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from pybtex.database import parse_file

from autograder.course import Course, CourseError

TEMPLATES = Path(__file__).parent / "templates"
STEM = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def new_topic(course: Course, place: str) -> list[Path]:
    """Make chapter, master, wrong solutions and variants of the topic `PART/STEM`, and list it in `_toc.yml`.

    Raises:
        CourseError: the place is not of that form, the part is unknown, or a file is there already.
    """
    part, _, stem = place.partition("/")
    if not STEM.fullmatch(stem):
        raise CourseError(f"{place!r} is not PART/STEM, such as probability_statistics/entropy; a stem is lower case with underscores")
    if part not in course.planned:
        raise CourseError(f"there is no part {part!r}; choose from: {', '.join(course.planned)}")
    values = _values(course, part, stem)
    targets = {
        "chapter.md": course.root / "book" / part / f"{stem}.md",
        "master.md": course.master(stem),
        "wrong.template": course.wrong(stem),
        "variants.template": course.variants(stem),
        "equivalent.template": course.equivalents(stem),
    }
    for path in targets.values():
        if path.exists():
            raise CourseError(f"{path} exists; edit it, or delete it and run the command again")
    for template, path in targets.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_filled((TEMPLATES / template).read_text(), values))
    toc = course.root / "_toc.yml"
    toc.write_text(with_chapter(toc.read_text(), course, part, stem))
    return [*targets.values(), toc]


def _values(course: Course, part: str, stem: str) -> dict[str, str]:
    """What the plan of the course knows of the topic."""
    plan = course.planned[part]["topics"].get(stem, {})
    citations = parse_file(str(course.root / "book" / "references.bib")).entries
    return {
        "PART": part,
        "STEM": stem,
        "TITLE": str(plan.get("title", stem.replace("_", " ").capitalize())),
        "HOURS": str(plan.get("hours", 4)),
        "NEEDS": ", ".join(plan.get("needs", [])),
        "CITE": str(next(iter(citations))),
    }


def _filled(template: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template


def with_chapter(toc: str, course: Course, part: str, stem: str) -> str:
    """The table of contents with the chapter and its assignment: in its part, where the plan of the course has it."""
    head, *blocks = re.split(r"(?m)^(?=  - caption:)", toc)
    entry = f"      - file: book/{part}/{stem}\n        sections:\n          - file: exercises/{stem}/{stem}\n"
    number = list(course.planned).index(part) + 1
    for place, block in enumerate(blocks):
        if f"- file: book/{part}/" in block:
            blocks[place] = _inserted(block, entry, part, stem, list(course.planned[part]["topics"]))
            break
    else:
        caption = f"  - caption: Part {number} · {course.planned[part]['title']}\n    numbered: 1\n    chapters:\n"
        later = [n for n, b in enumerate(blocks) if (m := re.match(r"  - caption: Part (\d+)", b)) and int(m[1]) > number]
        parts = [n for n, b in enumerate(blocks) if b.startswith("  - caption: Part ")]
        blocks.insert(later[0] if later else parts[-1] + 1 if parts else len(blocks), caption + entry)
    text = head + "".join(blocks)
    yaml.safe_load(text)
    return text


def _inserted(block: str, entry: str, part: str, stem: str, order: list[str]) -> str:
    """The block of a part with one more chapter, before the first that the plan has after it."""
    head, *chapters = re.split(r"(?m)^(?=      - file: book/)", block)
    after = order[order.index(stem) + 1 :] if stem in order else []
    for place, chapter in enumerate(chapters):
        if any(chapter.startswith(f"      - file: book/{part}/{other}\n") for other in after):
            return head + "".join([*chapters[:place], entry, *chapters[place:]])
    return block + entry
