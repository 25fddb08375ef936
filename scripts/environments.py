#!/usr/bin/python3
"""Python environments and the project's wheel, made once and reused.

    environments.py ensure NAME      the cached environment of requirements/NAME.txt
    environments.py wheel            the project's wheel, built anew when its sources changed
    environments.py checkout NAME    build/env/NAME: the same environment with this checkout's wheel in it
    environments.py lock NAME [--constraints FILE]   requirements/NAME.txt from requirements/NAME.in

Each prints the path that it made, and nothing else, on stdout.

Why two layers: an environment takes minutes and a network to make, so it is kept outside of the clone
and shared by every checkout whose lock file is the same; but Nova loads its driver from nova/virt/
alone, so our wheel must lie in the very same site-packages as Nova. Each checkout therefore has a copy
of its own (hard links: seconds, no space), and two checkouts never meet. A cached environment carries
a marker, written last: a run that was killed leaves none, and the next one starts it afresh.
Standard library only: nothing is installed yet when this runs.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = "/usr/bin/python3"
NAMES = ("bench", "dev", "nova-2025.1", "nova-2025.2", "nova-2026.1", "nova-2026.2")
MARKER = ".complete"
UNUSED_DAYS = 14
WHEEL_SOURCES = (
    "CMakeLists.txt",
    "LICENSE",
    "MANIFEST.in",
    "README.md",
    "cpp",
    "nova_plugin",
    "pyproject.toml",
    "python",
    "setup.py",
)


def cache_dir() -> Path:
    """Where environments are kept: outside of the clone, as `make clean` must not cost minutes."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nova-consent"


def say(text: str) -> None:
    """Progress, on stderr: stdout is for the path."""
    print(f"environments: {text}", file=sys.stderr, flush=True)


def run(*command: str | Path) -> None:
    """Runs a command with its output on stderr. Raises CalledProcessError."""
    environment = {
        k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    }
    # A pyenv or the like may stand first in PATH; what is built here is for the system's own Python and tools.
    environment["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin:" + environment.get("PATH", "")
    if shutil.which("ccache"):  # CMake takes it from here, in the wheel's build too
        environment.setdefault("CMAKE_CXX_COMPILER_LAUNCHER", "ccache")
        # By the name that CMakePresets.json has, so that what the tests compiled is not compiled again.
        environment.setdefault("CXX", "/usr/bin/g++")
        environment.update(CCACHE_BASEDIR=str(ROOT), CCACHE_NOHASHDIR="1")
    subprocess.run(
        [str(part) for part in command], check=True, cwd=ROOT, stdout=sys.stderr, env=environment
    )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds an exclusive lock on `path` (waits for it): two runs never make the same thing at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def lock_digest(name: str) -> str:
    """Names an environment: the lock file's lines and the Python that it is for."""
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    version = subprocess.run([PYTHON, "-VV"], check=True, capture_output=True, text=True).stdout
    wanted = "\n".join(line for line in lines if line and not line.startswith("#"))
    return hashlib.sha256(f"{version}\n{wanted}".encode()).hexdigest()[:16]


def ensure(name: str) -> Path:
    """The cached environment, made if it is missing or half made. Old ones that nobody used for a while go."""
    target = cache_dir() / f"{name}-{lock_digest(name)}"
    marker = target / MARKER
    with locked(cache_dir() / f"{name}.lock"):
        if not marker.exists():
            if target.exists():
                say(f"{target} is half made: starting it afresh")
                shutil.rmtree(target)
            started = time.monotonic()
            say(f"making {name} in {target} (some minutes, once)")
            run(PYTHON, "-m", "venv", target)
            # The lock file is complete: nothing is resolved, nothing else is fetched.
            run(
                target / "bin/python",
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--disable-pip-version-check",
                "-r",
                ROOT / "requirements" / f"{name}.txt",
            )
            run(target / "bin/python", "-m", "pip", "check", "--disable-pip-version-check")
            marker.touch()
            say(f"made {name} in {time.monotonic() - started:.0f} s")
        marker.touch()  # its time says when it was last used
        prune(name, keep=target)
    return target


def prune(name: str, keep: Path) -> None:
    """Removes environments of other lock files that nobody used for UNUSED_DAYS. Copies of them live on: hard links."""
    for old in cache_dir().glob(f"{name}-" + "[0-9a-f]" * 16):
        marker = old / MARKER
        used = marker.stat().st_mtime if marker.exists() else 0.0
        if old != keep and time.time() - used > UNUSED_DAYS * 86400:
            say(f"removing {old}, unused for {UNUSED_DAYS} days")
            shutil.rmtree(old)


def sources_digest() -> str:
    """A digest of everything that goes into the wheel."""
    digest = hashlib.sha256()
    for entry in WHEEL_SOURCES:
        path = ROOT / entry
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        for file in files:
            if file.suffix != ".pyc" and not any(part.endswith(".egg-info") for part in file.parts):
                digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def wheel() -> Path:
    """The project's wheel in build/wheel, the only file of its kind there."""
    python = ensure("dev") / "bin/python"
    folder = ROOT / "build/wheel"
    stamp = folder / "sources.sha256"
    with locked(ROOT / "build/wheel.lock"):
        digest = sources_digest()
        built = sorted(folder.glob("*.whl"))
        if len(built) != 1 or not stamp.exists() or stamp.read_text() != digest:
            say("building the wheel (compiles for some minutes without a word)")
            beside = ROOT / "build/wheel.new"
            shutil.rmtree(beside, ignore_errors=True)
            # No build isolation: what the build needs is locked in requirements/dev.txt.
            run(
                python,
                "-m",
                "pip",
                "wheel",
                "--quiet",
                "--no-deps",
                "--no-build-isolation",
                "--no-index",
                "--disable-pip-version-check",
                "-w",
                beside,
                ROOT,
            )
            (beside / stamp.name).write_text(digest)
            shutil.rmtree(folder, ignore_errors=True)
            beside.rename(folder)
            built = sorted(folder.glob("*.whl"))
        return built[0]


def checkout(name: str) -> Path:
    """This checkout's own copy of an environment with its wheel installed, in build/env/NAME."""
    source = ensure(name)
    package = wheel()
    target = ROOT / "build/env" / name
    marker = target / MARKER
    content = f"{source}\n{hashlib.sha256(package.read_bytes()).hexdigest()}\n"
    with locked(ROOT / f"build/env-{name}.lock"):
        if not marker.exists() or marker.read_text() != content:
            shutil.rmtree(target, ignore_errors=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            say(f"copying {source.name} to {target.relative_to(ROOT)}")
            same_disk = source.stat().st_dev == target.parent.stat().st_dev
            run("cp", "-al" if same_disk else "-a", source, target)
            marker.unlink()  # the link, not the cached environment's own marker
            move_home(source, target)
            run(
                target / "bin/python",
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--no-index",
                "--disable-pip-version-check",
                package,
            )
            marker.write_text(content)
    return target


def move_home(source: Path, target: Path) -> None:
    """Makes the copy's scripts name the copy. Each is replaced, never written to: the original has the same inode."""
    for file in [target / "pyvenv.cfg", *(target / "bin").iterdir()]:
        if file.is_symlink() or not file.is_file():
            continue
        content = file.read_bytes()
        if str(source).encode() in content:
            mode = file.stat().st_mode
            file.unlink()
            file.write_bytes(content.replace(str(source).encode(), str(target).encode()))
            file.chmod(mode)


def lock(name: str, constraints: str | None) -> Path:
    """Writes requirements/NAME.txt anew: what pip resolves today for requirements/NAME.in under the constraints."""
    scratch = ROOT / "build" / f"lock-{name}"
    shutil.rmtree(scratch, ignore_errors=True)
    run(PYTHON, "-m", "venv", scratch)
    limits = ["-c", constraints] if constraints else []
    run(
        scratch / "bin/python",
        "-m",
        "pip",
        "install",
        "--quiet",
        *limits,
        "-r",
        ROOT / "requirements" / f"{name}.in",
    )
    frozen = subprocess.run(
        [str(scratch / "bin/python"), "-m", "pip", "freeze", "--all"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    local = [line for line in frozen if " @ " in line or line.startswith("-e")]
    if local:
        raise SystemExit(
            f"environments: not from a package index, so nobody else could install it: {', '.join(local)}"
        )
    target = ROOT / "requirements" / f"{name}.txt"
    header = (
        f"# Lock file of the environment '{name}'. "
        f"Made anew by: make lock NAME={name} (from requirements/{name}.in)"
    )
    target.write_text(
        "\n".join([header, *(line for line in frozen if not line.startswith("pip=="))]) + "\n"
    )
    shutil.rmtree(scratch)
    return target


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=("ensure", "wheel", "checkout", "lock"))
    parser.add_argument("name", nargs="?", choices=NAMES)
    parser.add_argument(
        "--constraints", help="for lock: a file or URL of upper-constraints, as pip's -c takes it"
    )
    arguments = parser.parse_args()
    if (arguments.name is None) != (arguments.action == "wheel"):
        parser.error("a NAME goes with ensure, checkout and lock, and only with them")
    try:
        if arguments.action == "wheel":
            made = wheel()
        elif arguments.action == "lock":
            made = lock(arguments.name, arguments.constraints)
        else:
            made = (ensure if arguments.action == "ensure" else checkout)(arguments.name)
    except subprocess.CalledProcessError as error:
        say(f"failed ({error.returncode}): {' '.join(error.cmd)}")
        return 1
    print(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
