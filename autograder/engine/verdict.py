"""From the exception that ended a test cell to a verdict that may be shown, and the rules that the master sets for a test."""

from __future__ import annotations

from typing import Any

from autograder.checks import CheckFailed
from autograder.engine.codec import CodecError
from autograder.engine.ends import MAX_MESSAGE, LearnerGone, text_of
from autograder.engine.limits import CROWDED
from autograder.engine.remote import Remote
from autograder.engine.values import KNOWN_EXCEPTIONS

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
        """The function that a stand-in is, or the classes that the object says it is of; it can't say that it is a function."""
        target = object.__getattribute__(remote, "_target")
        names = [target] if isinstance(target, str) else object.__getattribute__(remote, "_class_names")
        return [name for name in names if isinstance(target, str) or name in self.methods or name not in self.parameters]

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


def judge(error: BaseException | None, hidden: bool) -> dict[str, Any]:
    """The verdict on a test cell that failed with `error`, in a `hidden` part of it or a visible one.

    `message` says nothing that the learner's code could have chosen. `open` says more, or is None: it may be shown only if
    that code has not seen hidden data yet.
    """
    verdict: dict[str, Any] = {"status": "passed", "property": None, "hint": None, "message": "", "open": None, "trace": None}
    if error is None:
        return verdict
    verdict |= _told(error, secret=True)
    if not hidden:
        verdict["open"] = _told(error, secret=False)["message"][: 2 * MAX_MESSAGE]
    return verdict


def _told(error: BaseException, secret: bool) -> dict[str, Any]:
    """Status and message of a test that ended with `error`."""
    origin = getattr(error, "learner", None)
    if isinstance(error, LearnerGone):
        return {"status": "crashed", "message": "your code ended its own process"}
    if isinstance(error, CheckFailed):
        shown = error.property if secret or not error.detail else f"{error.property}: {error.detail}"
        return {"status": "failed", "property": str(error.property), "hint": error.hint or None, "message": str(shown)}
    if origin is not None:
        name, message, trace = origin
        return _raised(name, message, trace, type(error).__name__, secret)
    if isinstance(error, CodecError):
        return {"status": "error", "message": f"the result can't be judged: {error}"}
    if isinstance(error, AssertionError):
        text = "" if secret else text_of(error)
        return {"status": "failed", "property": "tests pass", "message": text or "a check of the tests does not hold"}
    text = f"{type(error).__name__}" if secret else f"{type(error).__name__}: {text_of(error)}"
    return {"status": "error", "message": f"the result is not what the tests can use ({text})"}


def _raised(name: str, message: str, trace: str, known: str, secret: bool) -> dict[str, Any]:
    """What is said of the learner's own exception. Its name and text may hold hidden data: then only what is known is told of them."""
    if name == "NotImplementedError":
        return {"status": "not_attempted", "message": "not attempted yet"}
    if name == CodecError.__name__:
        text = "your code gave a value that the tests can't be handed" + (f": {message}" if message and not secret else "")
    elif secret:
        crowded = CROWDED.search(message)
        text = f"your code raised {name if name in KNOWN_EXCEPTIONS else known}" + (f": {crowded[0]}" if crowded else "")
    else:
        text = f"your code raised {name}: {message}" if message else f"your code raised {name}"
    return {"status": "error", "message": text, "trace": trace or None}
