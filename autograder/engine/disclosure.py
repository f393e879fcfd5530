"""What may be shown of a learner's process: it could have sent anything, and have seen hidden data."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from autograder.engine.cells import NOTE
from autograder.engine.intake import printable, writable
from autograder.engine.wire import Closed

if TYPE_CHECKING:
    from autograder.engine.plan import Plan, Step
    from autograder.engine.session import Session

LONGEST, SHORTEST = 4000, 60  # characters of a failure's text, and of one for which there is no room left
SHOWN_LINES = 200  # of a solution cell, in which a hidden test's failure is placed
PLACE = re.compile(r"(?P<cell>[\w-]{1,100}), line (?P<line>\d{1,7})(?:, in (?P<name>\w{1,100}|<\w{1,20}>))?:.*")
MADE_NAMES = ("<lambda>", "<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>")


def plain_outcome(answer: Any, largest: int) -> dict[str, Any]:
    """What a learner's process says about a cell, as text that fits into `largest` characters."""
    if not isinstance(answer, dict) or not isinstance(answer.get("outputs"), list):
        raise Closed("the process sent something that is no answer")
    outputs, left = [], 2 * largest + 100  # the last expression comes on top of what was printed
    for output in answer["outputs"][:100]:
        if largest > 0 and isinstance(output, dict) and isinstance(output.get("text"), str):
            kind = "execute_result" if output.get("output_type") == "execute_result" else "stream"
            name = "stderr" if output.get("name") == "stderr" else "stdout"
            outputs.append({"output_type": kind, "name": name, "text": writable(shortened(output["text"], left))})
            left = max(0, left - len(output["text"]))
    failure = answer.get("failure")
    if not (isinstance(failure, tuple) and len(failure) == 3 and all(isinstance(part, str) for part in failure)):
        return {"outputs": outputs, "failure": None}
    most = LONGEST if largest > 0 else SHORTEST
    return {"outputs": outputs, "failure": tuple(printable(part[:most]) for part in failure)}


def shortened(text: str, most: int) -> str:
    """The text, or what there is room for."""
    return text if len(text) <= most else text[: max(0, most)] + NOTE


def checked_trace(trace: str | None, plan: Plan, secret: bool) -> str | None:
    """The lines of a traceback that name a place in the learner's cells, with the text that stands there. All else is left out.

    Code can be written so that the place where it fails says what it was called with. So if that is `secret`, only one place is shown,
    the last that is in a solution cell, near its beginning.
    """
    kinds = ("solution",) if secret else ("given", "solution", "extra")
    sources = {step.identity: step.source for step in plan.steps if step.kind in kinds}
    kept = []
    for line in (trace or "").splitlines()[:6]:
        place = PLACE.fullmatch(line)
        if place is None:
            continue
        source, number = sources.get(place["cell"], ""), int(place["line"])
        lines = source.splitlines()
        if 1 <= number <= (min(len(lines), SHOWN_LINES) if secret else len(lines)) and _is_named(place["name"], source):
            kept.append(f"{line[: place.end('name' if place['name'] else 'line')]}: {lines[number - 1].strip()[:200]}")
    return "\n".join(kept[-1:] if secret else kept) or None


def _is_named(name: str | None, source: str) -> bool:
    return name is None or name in MADE_NAMES or re.search(rf"\b{re.escape(name)}\b", source) is not None


def disclose(session: Session, ran: set[str]) -> None:
    """Settle what is shown of a session that ran the tests `ran`.

    Code that has been handed hidden data could keep it (in a file, in shared memory) and show it by anything that it puts out
    later. So whatever was put out after the first hidden test is taken from a second run of the cells instead, with the
    visible parts of the tests only. There is one only if something was.
    """
    steps = [step for step in session.plan.steps if step.kind != "test" or step.grade_id in ran]
    hidden = [n for n, step in enumerate(steps) if step.kind == "test" and session.print.tests[step.grade_id].hidden]
    first = hidden[0] if hidden else len(steps)
    late = [step for step in steps[first + 1 :] if _says_something(session, step)]
    told = {step.identity: _hush(session, step) for step in late}
    if late:
        _tell_again(session, steps[: steps.index(late[-1]) + 1], told)
    for step in steps:
        if step.kind == "test":
            _settle(session.verdicts[step.grade_id], session.plan)


def _says_something(session: Session, step: Step) -> bool:
    if step.kind == "test":
        verdict = session.verdicts[step.grade_id]
        return bool(verdict["printed"] or verdict.get("open"))
    outcome = session.outcomes[step.identity]
    return step in session.done and bool(outcome["outputs"] or outcome["failure"])


def _hush(session: Session, step: Step) -> dict[str, Any]:
    """Take back what was put out; what it was."""
    if step.kind == "test":
        verdict = session.verdicts[step.grade_id]
        before = dict(verdict)
        verdict |= {"printed": "", "open": None}
        return before
    outcome = session.outcomes[step.identity]
    failure = outcome["failure"] and ("Error", "it can't be shown, as it can't be repeated", "")
    session.outcomes[step.identity] = {"outputs": [], "failure": failure}
    return outcome


def _tell_again(session: Session, steps: Iterable[Step], told: dict[str, dict[str, Any]]) -> None:
    """Run the cells in a process that has met no hidden test, and take what is put out from there."""
    done = list(session.done)
    if not session.renew():
        return
    for step in steps:
        if step.kind == "test" and step.identity in told:
            again = session.test(step, session.print.tests[step.grade_id].visible)
            verdict = session.verdicts[step.grade_id] | {"printed": again["printed"]}
            if told[step.identity].get("open") and again["status"] == verdict["status"]:
                verdict |= {"open": again.get("open"), "trace": again["trace"]}
            session.verdicts[step.grade_id] = verdict
        elif step in done:
            outcome = session.cell(step)
            if step.identity in told:
                session.outcomes[step.identity] = outcome


def _settle(verdict: dict[str, Any], plan: Plan) -> None:
    """Make a verdict text that may be shown."""
    told = verdict.pop("open", None)
    trace = checked_trace(verdict["trace"], plan, secret=told is None)
    verdict |= {"message": told or verdict["message"], "trace": trace, "printed": writable(verdict["printed"])}
    verdict |= {key: verdict[key] and printable(str(verdict[key])) for key in ("message", "trace", "property", "hint")}
