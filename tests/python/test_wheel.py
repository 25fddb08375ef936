"""The wheel: built once, it works on a host without compiler, headers or our libraries.

Reads build/wheel, or the wheel that CONSENT_WHEEL names. Needs the right to make a mount namespace.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# What a compute host has: the C and C++ run-times, libvirt and OpenSSL. Nothing else may be needed.
OF_THE_HOST = re.compile(
    r"(libc|libm|libgcc_s|libstdc\+\+|libpthread|libdl|librt|ld-linux-x86-64|libvirt|libcrypto)"
    r"\.so(\.\d+)?"
)

# What the programs and the module do there, each part of it through what the wheel carries.
SMOKE = """
import subprocess
import consent_core as core
from consent_core.programs import PROGRAMS
voters = core.MemoryVoters([core.Voter("id", "guest")], default=(core.Answer.REFUSE, "no"))
request = core.RoundRequest(core.Subject("mover", "host2"))
assert core.Runner(voters).run(request).verdict is core.State.REFUSED
assert core.parse_host_policy("mode: enforce", "host.yaml").mode is core.Mode.ENFORCE
for name in PROGRAMS:
    subprocess.run([core.program(name), "--help"], check=True, stdout=subprocess.DEVNULL, timeout=20)
with core.WorkerVoters(uri="test:///default") as worker:
    report = core.Runner(worker).run(request)
    assert report.verdict is core.State.CONSENTED, report
print("works")
"""

# Runs in a mount namespace of its own: hides what a compute host does not have.
BARE = """
set -eu
mount -t tmpfs none /usr/include
for folder in /usr/lib/gcc /usr/lib/llvm-* /usr/local; do
    if [ -d "$folder" ]; then mount -t tmpfs none "$folder"; fi
done
for file in $HIDDEN; do mount --bind /dev/null "$file"; done
"$PYTHON" -m venv "$VENV"
"$VENV/bin/python" -m pip install --quiet --no-index --no-deps --disable-pip-version-check "$WHEEL"
cd /
exec "$VENV/bin/python" -I -W error -c "$SMOKE"
"""


@pytest.fixture(scope="module")
def wheel() -> Path:
    """The wheel under test."""
    named = os.environ.get("CONSENT_WHEEL")
    found = [Path(named)] if named else sorted((ROOT / "build/wheel").glob("*.whl"))
    if len(found) != 1 or not found[0].is_file():
        pytest.fail(f"no wheel, or several: {found}; run: make wheel")
    return found[0].resolve()


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content."""
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def elf_files(folder: Path) -> list[Path]:
    """Programs and libraries."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if path.read_bytes()[:4] == b"\x7fELF"]


def dynamic(file: Path, tag: str) -> list[str]:
    """Values of one tag of an ELF file's dynamic section."""
    text = subprocess.run(
        ["readelf", "-d", file], capture_output=True, text=True, check=True
    ).stdout
    return re.findall(rf"\({tag}\).*\[(.+)\]", text)


def test_the_tag_is_this_pythons_and_machines(wheel: Path) -> None:
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    machine = sysconfig.get_platform().replace("-", "_")
    assert wheel.name == f"nova_consent-0.1.0-{python}-{python}-{machine}.whl"


def test_it_holds_every_part_and_no_part_of_nova(unpacked: Path) -> None:
    for name in (
        "consent_core/py.typed",
        "consent_core/_native.pyi",
        "consent_core/bin/consent-agent",
        "consent_core/bin/consent-worker",
        "consent_core/bin/consentctl",
        "nova_consent/__init__.py",
        "nova/virt/consent/__init__.py",
        "nova_consent-0.1.0.dist-info/licenses/LICENSE",
    ):
        assert (unpacked / name).is_file(), name
    # Either would take Nova's own place.
    assert not (unpacked / "nova/__init__.py").exists()
    assert not (unpacked / "nova/virt/__init__.py").exists()
    nova = [path for path in (unpacked / "nova").rglob("*") if path.is_file()]
    assert all(path.is_relative_to(unpacked / "nova/virt/consent") for path in nova)
    tops = {path.name for path in unpacked.iterdir()}
    assert tops == {"consent_core", "nova", "nova_consent", "nova_consent-0.1.0.dist-info"}


def test_it_replaces_nothing_that_is_installed(unpacked: Path) -> None:
    metadata = (unpacked / "nova_consent-0.1.0.dist-info/METADATA").read_text()
    assert "Requires-Dist" not in metadata
    assert "License-Expression: Apache-2.0" in metadata


def test_its_entry_points(unpacked: Path) -> None:
    parser = configparser.ConfigParser()
    parser.read(unpacked / "nova_consent-0.1.0.dist-info/entry_points.txt")
    assert {section: dict(parser[section]) for section in parser.sections()} == {
        "console_scripts": {
            "consent-nova-compute": "nova_consent.cmd:main",
            "consent-worker": "consent_core.programs:consent_worker",
            "consentctl": "consent_core.programs:consentctl",
        },
        "nova.api.extra_spec_validators": {"consent": "nova_consent.extra_specs"},
        "oslo.config.opts": {"nova_consent": "nova_consent.conf:list_opts"},
    }


def test_every_library_is_the_hosts_or_comes_along(unpacked: Path) -> None:
    files = elf_files(unpacked)
    assert len(files) >= 5  # the module, three programs, yaml-cpp
    carried = {path.name for path in (unpacked / "consent_core/lib").iterdir()}
    needed: set[str] = set()
    for file in files:
        for library in dynamic(file, "NEEDED"):
            needed.add(library)
            assert library in carried or OF_THE_HOST.fullmatch(library), f"{file.name}: {library}"
    assert carried <= needed, f"carried for nobody: {carried - needed}"


def test_libraries_are_searched_beside_their_users_only(unpacked: Path) -> None:
    for file in elf_files(unpacked):
        for path in dynamic(file, "RUNPATH") + dynamic(file, "RPATH"):
            assert path in ("$ORIGIN/lib", "$ORIGIN/../lib"), f"{file.name}: {path}"


def test_the_agent_needs_nothing(unpacked: Path) -> None:
    assert dynamic(unpacked / "consent_core/bin/consent-agent", "NEEDED") == []


def hidden_files(unpacked: Path) -> list[str]:
    """The system's compilers and build tools, and its copies of what must come along."""
    names = ("cc", "c++", "gcc", "g++", "clang", "clang++", "cmake", "ninja", "ld")
    tools = [path for name in names if (path := shutil.which(name))]
    needed = {library for file in elf_files(unpacked) for library in dynamic(file, "NEEDED")}
    libraries = [
        folder / library
        for folder in (Path("/usr/lib/x86_64-linux-gnu"), Path("/usr/lib"))
        for library in needed
        if not OF_THE_HOST.fullmatch(library)
    ]
    files = {os.path.realpath(path) for path in [*map(Path, tools), *libraries]}
    return sorted(path for path in files if os.path.isfile(path) and path.startswith("/usr/"))


def test_it_works_on_a_bare_host(wheel: Path, unpacked: Path, tmp_path: Path) -> None:
    hidden = hidden_files(unpacked)
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    done = subprocess.run(
        ["unshare", *own, "--mount", "/bin/sh", "-c", BARE],
        env={
            "HIDDEN": " ".join(hidden),
            "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
            "PYTHON": str(Path(sys.executable).resolve()),
            "SMOKE": SMOKE,
            "VENV": str(tmp_path / "venv"),
            "WHEEL": str(wheel),
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stdout == "works\n", done.stderr
    assert done.returncode == 0
