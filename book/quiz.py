"""The quiz at the end of a chapter: multiple choice, every answer explained, no kernel needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from book.display import content_id, rich_text, show_html

FEWEST, MOST = 3, 6
QUESTION_KEYS = {"question", "answers"}
ANSWER_KEYS = {"answer", "correct", "feedback"}


def quiz(questions: Sequence[Mapping[str, Any]]) -> None:
    """Show 3–6 multiple-choice questions.

    Args:
        questions: dicts with `question` and `answers`, each answer a dict with `answer`, `correct` (bool) and `feedback`.
            One correct answer gives radio buttons, several give check boxes. Text may hold `$…$` and `` `code` ``.

    Raises:
        ValueError: a question or an answer is incomplete; the message says which.
    """
    if not FEWEST <= len(questions) <= MOST:
        raise ValueError(f"quiz: a chapter asks {FEWEST} to {MOST} questions, this one {len(questions)}")
    for number, question in enumerate(questions, start=1):
        _check_question(number, question)
    name = content_id("quiz", list(questions))
    body = "".join(_question_html(name, number, question) for number, question in enumerate(questions, start=1))
    # JupyterLab would take key presses for its own commands without the data attribute.
    score = '<p class="quiz-score" role="status"></p>'
    show_html(f'<div class="quiz" id="{name}" data-lm-suppress-shortcuts="true">{body}{score}</div>', "quiz.js")


def _check_question(number: int, question: Mapping[str, Any]) -> None:
    where = f"quiz question {number} ({question.get('question', 'no `question`')!r})"
    _check_keys(where, question, QUESTION_KEYS)
    answers = question["answers"]
    if len(answers) < 2:
        raise ValueError(f"{where}: give at least two answers")
    for answer in answers:
        place = f"{where}, answer {answer.get('answer', '?')!r}"
        _check_keys(place, answer, ANSWER_KEYS)
        if not isinstance(answer["correct"], bool):
            raise ValueError(f"{place}: `correct` must be True or False, not {answer['correct']!r}")
        if not str(answer["feedback"]).strip():
            raise ValueError(f"{place}: say in `feedback` why it is {'right' if answer['correct'] else 'wrong'}")
    right = sum(answer["correct"] for answer in answers)
    if right == 0 or right == len(answers):
        raise ValueError(f"{where}: {'no answer is' if right == 0 else 'all answers are'} correct; a question needs both kinds")
    if len({answer["answer"] for answer in answers}) < len(answers):
        raise ValueError(f"{where}: two answers are the same")


def _check_keys(where: str, mapping: Mapping[str, Any], keys: set[str]) -> None:
    if missing := keys - set(mapping):
        raise ValueError(f"{where}: add {', '.join(sorted(missing))}")
    if unknown := set(mapping) - keys:
        raise ValueError(f"{where}: unknown {', '.join(sorted(unknown))}; it has {', '.join(sorted(keys))}")


def _question_html(name: str, number: int, question: Mapping[str, Any]) -> str:
    """One question as a form; its feedback lies in <details>, where a page without JavaScript shows it."""
    # Authors write the right answer first. This order is as good as drawn, and the same on every build.
    answers = sorted(question["answers"], key=lambda answer: content_id("answer", [question["question"], answer["answer"]]))
    several = sum(answer["correct"] for answer in answers) > 1
    kind = "checkbox" if several else "radio"
    note = ' <span class="quiz-note">(choose all that apply)</span>' if several else ""
    choices = "".join(
        f'<label class="quiz-choice"><input type="{kind}" name="{name}-{number}" value="{index}">'
        f'<b class="quiz-letter">{ascii_uppercase[index]}</b><span>{rich_text(answer["answer"])}</span></label>'
        for index, answer in enumerate(answers)
    )
    key = "".join(
        f'<li data-correct="{str(answer["correct"]).lower()}"><strong>{"Right" if answer["correct"] else "Wrong"}:</strong> '
        f'{rich_text(answer["answer"])} <span class="quiz-why">{rich_text(answer["feedback"])}</span></li>'
        for answer in answers
    )
    return (
        f'<form class="quiz-question" data-question="{content_id("question", question)}"><fieldset>'
        f'<legend>{number}. {rich_text(question["question"])}{note}</legend>{choices}</fieldset>'
        '<button type="submit" class="quiz-check">Check</button>'
        '<div class="quiz-feedback" role="status" aria-live="polite"></div>'
        f'<details class="quiz-key"><summary>Answers</summary><ol type="A">{key}</ol></details></form>'
    )
