"""What crosses beyond data: stand-ins for functions and objects, and instances of classes that both ends were given.

Each end builds its codec here. The test's end decodes only what can't run code: a learner can't make it look up a function by
name, and instances of given classes are rebuilt field by field, without calling their constructors.
"""

from __future__ import annotations

import builtins
import dataclasses
import enum
import functools
import types
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from autograder.engine.codec import Codec, CodecError, Decoder, Encoder
from autograder.engine.codec_plain import PLAIN
from autograder.engine.codec_tensors import encode_tensor, tensor_codec
from autograder.engine.remote import Remote

if TYPE_CHECKING:
    from autograder.engine.ends import End

PLAIN_TYPES = {t.__name__: t for t in (bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, type(None), object)}
NUMPY_TYPES = {f"numpy.{t.__name__}": t for t in vars(np).values() if isinstance(t, type) and issubclass(t, np.generic)}
TYPES: dict[str, type] = PLAIN_TYPES | NUMPY_TYPES | {"numpy.ndarray": np.ndarray, "torch.Tensor": torch.Tensor}
TYPE_NAMES = {t: name for name, t in TYPES.items()}
PUBLIC_MODULES = ("numpy", "torch", "math", "operator", "builtins", "scipy", "cmath")
FORBIDDEN_BUILTINS = {"eval", "exec", "open", "compile", "__import__", "input", "breakpoint"}


class Crossing:
    """What one frame needs to know: the peer it belongs to, and the tensors whose graph stays behind."""

    def __init__(self, peer: End, reply: bool = False) -> None:
        self.peer, self.reply = peer, reply
        self.tracked: list[torch.Tensor] = []
        self.outputs: list[torch.Tensor] = []
        self.exported: list[int] = []


@functools.lru_cache(maxsize=2)
def peer_codec(accept_names: bool) -> Codec:
    """The codec of one end; `accept_names` where the other end is trusted to name functions."""
    codec = tensor_codec()
    codec.by_type |= {torch.Tensor: _graph_tensor, Remote: _remote}
    codec.fallbacks = [(lambda v: isinstance(v, torch.Tensor), _graph_tensor), *codec.fallbacks]
    codec.fallbacks += [
        (lambda v: isinstance(v, type) and v in TYPE_NAMES, _type),
        (lambda v: isinstance(v, enum.Enum), _enum),
        (lambda v: isinstance(v, tuple) and hasattr(v, "_fields"), _named_tuple),
        (lambda v: dataclasses.is_dataclass(v) and not isinstance(v, type), _dataclass),
        (lambda v: isinstance(v, (bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset)), _subclass),
        (lambda v: True, _other),
    ]
    codec.by_tag |= {
        ord("O"): lambda d: d.context.outputs[d.u32()],
        ord("h"): _read_export,
        ord("H"): lambda d: d.context.peer.exports[d.u32()],
        ord("k"): _read_type,
        ord("e"): lambda d: _given(d, enum.Enum)[d.value()],
        ord("u"): _read_named_tuple,
        ord("o"): _read_dataclass,
    }
    if accept_names:
        codec.by_tag[ord("m")] = _read_named_function
    return codec


def _graph_tensor(encoder: Encoder, value: torch.Tensor) -> None:
    crossing = encoder.context
    if crossing is not None and crossing.reply and value.requires_grad and not value.is_leaf and id(value) not in encoder.known:
        encoder.out += b"O"
        encoder.u32(len(crossing.tracked))
        crossing.tracked.append(value)
        return
    encode_tensor(encoder, value)


def _remote(encoder: Encoder, value: Remote) -> None:
    peer, target = object.__getattribute__(value, "_peer"), object.__getattribute__(value, "_target")
    if peer is not encoder.context.peer:
        raise CodecError("an object made in an earlier test can't be used here: a test uses only what it makes itself")
    if isinstance(target, str):
        encoder.out += b"m"
        encoder.value((None, target))
        return
    encoder.out += b"H"
    encoder.u32(target)


def _type(encoder: Encoder, value: type) -> None:
    encoder.out += b"k"
    encoder.text(TYPE_NAMES[value])


def _read_type(decoder: Decoder) -> type:
    name = decoder.text()
    return TYPES[name] if name in TYPES else _class(decoder, name)


def _enum(encoder: Encoder, value: enum.Enum) -> None:
    if _is_given(encoder, value):
        encoder.out += b"e"
        encoder.text(type(value).__name__)
        encoder.value(value.name)
    else:
        _subclass(encoder, value)


def _named_tuple(encoder: Encoder, value: Any) -> None:
    if _is_given(encoder, value):
        encoder.out += b"u"
        encoder.text(type(value).__name__)
        encoder.value(tuple(value))
    else:
        encoder.value(tuple(value))


def _read_named_tuple(decoder: Decoder) -> Any:
    kind = _given(decoder, tuple)
    items = decoder.value()
    if type(items) is not tuple or len(items) != len(kind._fields):
        raise CodecError("a named tuple of the wrong length")
    return tuple.__new__(kind, items)


def _dataclass(encoder: Encoder, value: Any) -> None:
    if not _is_given(encoder, value):
        _other(encoder, value)
        return

    def write() -> None:
        encoder.out += b"o"
        encoder.text(type(value).__name__)
        names = [f.name for f in dataclasses.fields(value)]
        encoder.value({name: getattr(value, name) for name in names if hasattr(value, name)})

    encoder.mutable(value, write)


def _read_dataclass(decoder: Decoder) -> Any:
    kind = _given(decoder, object)
    if not dataclasses.is_dataclass(kind):
        raise CodecError("not a dataclass")
    fields, names = decoder.value(), {f.name for f in dataclasses.fields(kind)}
    if not isinstance(fields, dict) or not set(fields) <= names:
        raise CodecError("fields that the class does not have")
    made: Any = object.__new__(cast(type, kind))
    for name, item in fields.items():
        object.__setattr__(made, name, item)
    return decoder.note(made)


def _is_given(encoder: Encoder, value: Any) -> bool:
    return encoder.context is not None and encoder.context.peer.given.get(type(value).__name__) is type(value)


def _class(decoder: Decoder, name: str) -> Any:
    kind = decoder.context.peer.given.get(name)
    if not isinstance(kind, type):
        raise CodecError("a class that no locked cell defines")
    return kind


def _given(decoder: Decoder, base: type) -> Any:
    kind = _class(decoder, decoder.text())
    if not issubclass(kind, base):
        raise CodecError("an instance of the wrong kind of class")
    return kind


def _subclass(encoder: Encoder, value: Any) -> None:
    """A subclass of a plain type crosses as the plain type."""
    for base in (bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset):
        if isinstance(value, base):
            encoder.codec.by_type[base](encoder, value)
            return
    _other(encoder, value)


def _other(encoder: Encoder, value: Any) -> None:
    """Anything else stays where it is; the other end gets a stand-in (or, for known functions, its own copy)."""
    peer = encoder.context.peer if encoder.context is not None else None
    if peer is None or isinstance(value, (types.ModuleType, types.FrameType, types.CodeType)):
        raise CodecError(f"a value of type {type(value).__name__} can't cross between the processes")
    name = function_name(value, peer.given) if peer.names_functions else None
    if name is not None:
        encoder.out += b"m"
        encoder.value(name)
        return
    number = peer.export(value)
    encoder.context.exported.append(number)
    encoder.out += b"h"
    encoder.u32(number)
    kinds = value.__mro__ if isinstance(value, type) else type(value).__mro__
    encoder.value(([str(k.__name__) for k in kinds[:16]], isinstance(value, type), hasattr(type(value), "__next__")))


def _read_export(decoder: Decoder) -> Remote:
    number = decoder.u32()
    names, is_class, is_iterator = decoder.value_of(PLAIN)
    if not all(isinstance(name, str) for name in names):
        raise CodecError("not class names")
    return Remote(decoder.context.peer, number, tuple(names), bool(is_class), bool(is_iterator))


def function_name(value: Any, given: dict[str, Any]) -> tuple[str | None, str] | None:
    """Module and name of a public function of a known library, or of one defined in a locked cell."""
    name, module = getattr(value, "__name__", None), getattr(value, "__module__", None) or ""
    if isinstance(name, str) and given.get(name) is value and not isinstance(value, Remote):
        return (None, name)
    if isinstance(value, np.ufunc) and getattr(np, name or "", None) is value:
        return ("numpy", str(name))
    for candidate in (module, "torch", "torch.nn.functional", "numpy", "math"):
        if isinstance(name, str) and candidate.split(".")[0] in PUBLIC_MODULES and name not in FORBIDDEN_BUILTINS:
            import sys

            if getattr(sys.modules.get(candidate), name, None) is value:
                return (candidate, name)
    return None


def _read_named_function(decoder: Decoder) -> Any:
    module, name = decoder.value_of(PLAIN)
    peer = decoder.context.peer
    if module is None:
        return peer.given[name] if name in peer.given else peer.lookup(name)
    import importlib

    return getattr(importlib.import_module(module), name)


KNOWN_EXCEPTIONS: dict[str, type[Exception]] = {
    **{k: v for k, v in vars(builtins).items() if isinstance(v, type) and issubclass(v, Exception)},
    "LinAlgError": np.linalg.LinAlgError,
    "AxisError": np.exceptions.AxisError,
}
