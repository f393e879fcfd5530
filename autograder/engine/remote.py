"""Stand-ins: what one process holds in place of a function or an object that lives in the other."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from autograder.engine.codec import CodecError

if TYPE_CHECKING:
    from autograder.engine.rpc import Peer


def _reflected(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, b: function(b, a)


BINARY = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor", "lshift", "rshift"]
COMPARE = ["eq", "ne", "lt", "le", "gt", "ge"]
OPERATORS: dict[str, Callable[..., Any]] = {name: getattr(operator, name) for name in [*BINARY, *COMPARE]}
OPERATORS |= {f"r{name}": _reflected(getattr(operator, name)) for name in BINARY}
OPERATORS |= {
    "len": len,
    "iter": iter,
    "next": next,
    "rest": list,
    "bool": bool,
    "float": float,
    "int": int,
    "abs": abs,
    "neg": operator.neg,
    "pos": operator.pos,
    "invert": operator.invert,
    "round": round,
    "getitem": operator.getitem,
    "setitem": operator.setitem,
    "delitem": operator.delitem,
    "contains": operator.contains,
    "reversed": reversed,
    "enter": lambda o: type(o).__enter__(o),
    "exit": lambda o: type(o).__exit__(o, None, None, None),
}


def _retold(items: list[Any], failure: Exception | None) -> Iterator[Any]:
    yield from items
    if failure is not None:
        raise failure


class Remote:
    """A function, class, object or iterator of the other process.

    Calls, methods and operators cross. Attributes cross only where the peer allows it; all else about the object is unknown here.
    """

    __slots__ = ("__weakref__", "_ahead", "_class_names", "_is_class", "_is_iterator", "_peer", "_target")

    def __init__(
        self, peer: Peer, target: int | str, names: tuple[str, ...] = (), is_class: bool = False, is_iterator: bool = False
    ) -> None:
        for slot, item in zip(
            ("_peer", "_target", "_class_names", "_is_class", "_is_iterator"), (peer, target, names, is_class, is_iterator), strict=True
        ):
            object.__setattr__(self, slot, item)
        object.__setattr__(self, "_ahead", None)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._peer.request("call", self, None, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._peer.attribute(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"attribute {name!r} of a learner's object can't be set from a test; use a probe_ function")

    def __iter__(self) -> Any:
        return self if self._is_iterator else self._peer.request("op", self, "iter", (), {})

    def __next__(self) -> Any:
        return self._peer.request("op", self, "next", (), {}) if self._ahead is None else next(self._ahead)

    def _is_generator(self) -> bool:
        return self._is_iterator and self._class_names[:1] == ("generator",)

    def __length_hint__(self) -> int:
        """`list` and `tuple` ask how much there is before they take it all: so all that a generator still has is fetched at once."""
        if self._ahead is not None or not self._is_generator():
            return 0
        items, failure = [], None
        try:
            items = self._peer.request("op", self, "rest", (), {})
            if type(items) is not list:
                raise CodecError("not the rest of a generator")
        except Exception as error:  # for whoever takes the next item: what asks for a length takes some errors for an answer
            failure = error
        object.__setattr__(self, "_ahead", _retold(items, failure))
        return len(items)

    def __exit__(self, *exception: Any) -> bool:
        return bool(self._peer.request("op", self, "exit", (), {}))

    def __hash__(self) -> int:
        return hash((id(self._peer), self._target))

    def __repr__(self) -> str:
        return f"<{self._target if isinstance(self._target, str) else (self._class_names or ('object',))[0]} of the learner>"

    def __instancecheck__(self, value: Any) -> bool:
        name = self._target if isinstance(self._target, str) else (self._class_names or ("",))[0]
        return isinstance(value, Remote) and name in value._class_names


def _operator(name: str) -> Callable[..., Any]:
    def method(self: Remote, *args: Any) -> Any:
        if name in ("eq", "ne") and isinstance(args[0], Remote):
            same = self._peer is args[0]._peer and self._target == args[0]._target
            if same:
                return name == "eq"
        if name == "len" and self._is_generator():
            raise TypeError("object of type 'generator' has no len()")
        self._peer.operator(self, name)
        return self._peer.request("op", self, name, args, {})

    return method


for _name in OPERATORS:
    if _name not in ("iter", "next", "rest", "exit", "str"):
        setattr(Remote, f"__{_name.rstrip('_')}__", _operator(_name))


class RemoteMethod:
    """A method of a stand-in, good for calling only: as a value it is nothing."""

    def __init__(self, owner: Remote, name: str) -> None:
        self._owner, self._name = owner, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._owner._peer.request("call", self._owner, self._name, args, kwargs)

    def _refuse(self, *args: Any) -> Any:
        raise AttributeError(f"attribute {self._name!r} of a learner's object is not declared in the solution cell's metadata")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __float__ = __int__ = __len__ = __iter__ = _refuse
    __getitem__ = __add__ = __sub__ = __mul__ = __array__ = __index__ = _refuse
    __hash__ = None  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        self._refuse()
