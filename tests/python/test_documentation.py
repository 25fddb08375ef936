"""Every public symbol is documented, and the stub of the native module tells the truth."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import consent_core
from consent_core import _native


def public_symbols() -> Iterator[tuple[str, object]]:
    """Each public class and function, with the classes' public methods and properties."""
    for name in consent_core.__all__:
        value = getattr(consent_core, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            yield name, value
        if inspect.isclass(value):
            for member, method in vars(value).items():
                if member == "__init__" and dataclasses.is_dataclass(value):
                    continue  # the class's docstring says it
                documented = inspect.isfunction(method) or isinstance(method, property)
                if documented and (member == "__init__" or not member.startswith("_")):
                    yield f"{name}.{member}", method


SYMBOLS = dict(public_symbols())


def test_there_is_something_to_document() -> None:
    assert {"Runner.run", "WorkerVoters.close", "WorkerVoters.pid", "decide"} <= set(SYMBOLS)


@pytest.mark.parametrize("name", SYMBOLS)
def test_every_public_symbol_has_a_docstring(name: str) -> None:
    text = inspect.getdoc(SYMBOLS[name]) or ""
    assert len(text.split()) >= 3, f"{name} says too little: {text!r}"
    assert not text.startswith(f"{name}("), f"{name} has only what dataclasses makes up"


@pytest.mark.parametrize(
    "name", [name for name, value in SYMBOLS.items() if dataclasses.is_dataclass(value)]
)
def test_every_field_is_described(name: str) -> None:
    value = SYMBOLS[name]
    assert dataclasses.is_dataclass(value)
    text = inspect.getdoc(value) or ""
    for field in dataclasses.fields(value):
        assert f"\n    {field.name}: " in text, f"{name}.{field.name}"


def test_all_names_are_sorted_and_there() -> None:
    names = consent_core.__all__
    assert len(set(names)) == len(names)
    enumerations = [
        name
        for name, value in vars(consent_core).items()
        if inspect.isclass(value) and issubclass(value, enum.Enum)
    ]
    assert set(enumerations) <= set(names)


def test_every_module_opens_with_its_purpose() -> None:
    for file in sorted(Path(consent_core.__file__).parent.glob("*.py")):
        assert file.read_text().startswith('"""'), file


def test_the_package_is_typed() -> None:
    folder = Path(consent_core.__file__).parent
    assert (folder / "py.typed").is_file()
    assert (folder / "_native.pyi").is_file()


def test_the_stub_tells_the_truth(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "consent_core._native", "--concise"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    # The shapes of plain dicts are the stub's alone, and pybind11's metaclass is nobody's concern.
    apart = ("Dict is not present at runtime", "is inconsistent, metaclass differs")
    lines = done.stdout.splitlines()
    assert any(line.endswith(apart) for line in lines), done.stdout + done.stderr
    assert [line for line in lines if not line.endswith(apart)] == []


def test_the_version_is_the_packages() -> None:
    from importlib.metadata import version

    assert consent_core.__version__ == _native.version == version("nova-consent")
