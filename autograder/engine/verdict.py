"""From the exception that ended a test cell to a verdict that may be shown, and the rules that the master sets for a test."""

from __future__ import annotations

import traceback
from typing import Any

from autograder.checks import CheckFailed
from autograder.engine.codec import CodecError
from autograder.engine.remote import Remote
from autograder.engine.rpc import LearnerGone

PRODUCERS = {"iter", "next", "len", "getitem", "setitem", "delitem", "enter", "exit", "reversed", "float", "int"}


class Rules:
    """What the master declares about the names that solution cells define. Keys are functions, classes, `Class.method`."""

    def __init__(self, plain: dict[str, Any]) -> None:
        self.inplace: dict[str, list[str]] = plain["inplace"]
        self.attributes: dict[str, list[str]] = plain["attributes"]
        self.parameters: dict[str, list[str]] = plain["parameters"]
        self.methods: dict[str, list[str]] = plain["methods"]
        self.open: list[str] = plain["open"]  # classes with a base, which may have methods that the master does not show

    def classes(self, remote: Remote) -> list[str]:
        target = object.__getattribute__(remote, "_target")
        return [target] if isinstance(target, str) else list(object.__getattribute__(remote, "_class_names"))

    def readable(self, classes: list[str], name: str) -> bool:
        return any(name in self.attributes.get(c, ()) for c in classes)

    def method(self, classes: list[str], name: str) -> bool:
        """Whether `name` can be a method: unknown classes and classes with a base may have any."""
        known = [c for c in classes if c in self.methods]
        return not known or any(c in self.open or name in self.methods[c] for c in known)

    def operator(self, remote: Remote, name: str) -> bool:
        """Whether an operator may be left to the learner's object.

        An operator that sees the expected value (a comparison, a difference) could say whatever pleases the test. It is the
        learner's to define only where the master's class defines it too. Operators that only produce data are harmless.
        """
        return name in PRODUCERS or any(f"__{name.rstrip('_')}__" in self.methods.get(c, ()) for c in self.classes(remote))

    def _keys(self, label: Any) -> list[str]:
        remote, method = label
        if not isinstance(remote, Remote):
            return [method] if method else []
        classes = self.classes(remote)
        return [f"{c}.{method}" for c in classes] + classes + [method] if method else classes

    def parameter(self, label: Any, key: int | str) -> str:
        if isinstance(key, str):
            return key
        for candidate in self._keys(label):
            names = self.parameters.get(candidate)
            if names is not None:
                return names[key] if key < len(names) else names[-1] if names else str(key)
        return str(key)

    def may_change(self, label: Any, parameter: str) -> bool:
        return any(parameter in self.inplace.get(key, ()) for key in self._keys(label))


def is_hidden(error: BaseException, filename: str, hidden: list[tuple[int, int]]) -> bool:
    """Whether the error came out of a hidden part of the test cell. In doubt, yes."""
    frames = traceback.walk_tb(error.__traceback__)
    lines = [number for f, number in frames if f.f_code.co_filename == filename and f.f_code.co_name == "<module>"]
    return not lines or any(start <= lines[0] <= end for start, end in hidden)


def judge(error: BaseException | None, filename: str, hidden: list[tuple[int, int]]) -> dict[str, Any]:
    """The verdict on a test cell that ended with `error`."""
    verdict: dict[str, Any] = {"status": "passed", "property": None, "hint": None, "message": "", "trace": None}
    if error is None:
        return verdict
    secret = is_hidden(error, filename, hidden)
    origin = getattr(error, "learner", None)
    if isinstance(error, LearnerGone):
        verdict |= {"status": "crashed", "message": "your code ended its own process"}
    elif isinstance(error, CheckFailed):
        shown = error.property if secret or not error.detail else f"{error.property}: {error.detail}"
        verdict |= {"status": "failed", "property": str(error.property), "hint": error.hint or None, "message": str(shown)}
    elif origin is not None:
        name, message, trace = origin
        if name == "NotImplementedError":
            verdict |= {"status": "not_attempted", "message": "not attempted yet"}
        else:
            text = f"your code raised {name}" if secret or not message else f"your code raised {name}: {message}"
            verdict |= {"status": "error", "message": text, "trace": trace or None}
    elif isinstance(error, CodecError):
        verdict |= {"status": "error", "message": f"the result can't be judged: {error}"}
    elif isinstance(error, AssertionError):
        text = str(error) if str(error) and not secret else "a check of the tests does not hold"
        verdict |= {"status": "failed", "property": "tests pass", "message": text}
    else:
        text = f"{type(error).__name__}" if secret else f"{type(error).__name__}: {error}"
        verdict |= {"status": "error", "message": f"the result is not what the tests can use ({text})"}
    return verdict
