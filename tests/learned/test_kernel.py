"""Which kernel codes: the one that was asked for, else the native one, else the reference."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from baler.errors import UsageError
from baler.learned import kernel, reference


def ask(monkeypatch: pytest.MonkeyPatch, wanted: str, native: ModuleType | None) -> Any:
    """Return what codes, and what it is told; None as a module cannot be imported."""
    monkeypatch.setenv(kernel.VARIABLE, wanted)
    monkeypatch.setitem(sys.modules, "baler.learned.native", native)
    calls: list[Any] = []
    for module in (reference, native):
        if module is not None:
            name = module.__name__
            monkeypatch.setattr(
                module, "encode", lambda *_, n=name, **o: calls.append((n, o)), raising=False
            )
            monkeypatch.setattr(
                module, "decode", lambda *_, n=name, **o: calls.append((n, o)), raising=False
            )
    nothing: Any = None
    kernel.encode(nothing, nothing, nothing, 1)
    kernel.decode(nothing, nothing, nothing, [])
    name, options = calls[0]
    options.pop("map", None)
    assert (name, options) == calls[1]
    return calls[1]


def native() -> ModuleType:
    module = ModuleType("native")
    module.LEVELS = ("slow", "fast")  # type: ignore[attr-defined]
    return module


def test_the_native_one_codes_if_it_was_built(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(monkeypatch, "", native()) == ("native", {})
    assert ask(monkeypatch, "slow", native()) == ("native", {"level": "slow"})
    assert ask(monkeypatch, "reference", native()) == (reference.__name__, {})


def test_the_reference_codes_if_it_was_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.warns(RuntimeWarning, match="native kernel .* was not built"):
        assert ask(monkeypatch, "", None) == (reference.__name__, {})
    assert ask(monkeypatch, "reference", None) == (reference.__name__, {})


def test_what_is_not_there_cannot_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="BALER_KERNEL is 'avx9'; there are reference, slow, fast"):
        ask(monkeypatch, "avx9", native())
    with pytest.raises(UsageError, match="'avx2', but nothing native was built"):
        ask(monkeypatch, "avx2", None)
