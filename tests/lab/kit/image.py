"""Builds the lab's guest: Debian's cloud kernel and an initramfs of busybox, the agent and the
hostile program.

The same files serve libvirt directly (kernel, initrd) and glance (kernel, ramdisk and an empty
disk). Nothing in here depends on the time, the user or the machine: the same inputs give the same
bytes, kept under the hash of those inputs. Must not know who boots the guest. The guest's own side
of it is the script `init`.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_BUSYBOX = Path("/bin/busybox")
_BOOT = Path("/boot")

# Each needs the ones before it: insmod does not look for what a module needs.
_MODULES = (
    "virtio_ring",
    "virtio",
    "virtio_console",
    "virtio_pci_modern_dev",
    "virtio_pci_legacy_dev",
    "virtio_pci",
)

# "quiet": the console is an 8250, emulated a byte at a time. "panic=1": a guest whose init ends
# restarts rather than hangs. The others: on a busy machine the guest's clock stands still for longer
# than its kernel believes a clock can.
KERNEL_COMMAND_LINE = "console=ttyS0 quiet panic=1 no_timer_check rcupdate.rcu_cpu_stall_suppress=1"


class ImageError(Exception):
    """A guest image cannot be built: says what is missing and how to get it."""


@dataclass(frozen=True)
class GuestImage:
    """Files to boot a guest from; read-only, shared by all who boot it."""

    kernel: Path
    initrd: Path
    disk: (
        Path  # 1 MiB of zeros: for a cloud, which wants a root disk; the guest does not look at it
    )
    digest: str  # of everything that went in


def build_guest_image(agent: Path, cache: Path) -> GuestImage:
    """Builds the image that holds `agent`, or returns the one in `cache` made of the same inputs.

    :param agent: the static consent-agent to put into the guest; any static program that
        understands ``--channel PATH --policy FILE --drop-in DIR``.
    :param cache: folder for finished images; made if missing. Safe for several processes at once.
    :raises ImageError: kernel, module, busybox, compiler or agent missing, or the agent is not
        static.
    """
    kernel = _newest_kernel()
    files = {
        "init": (_HERE / "init").read_bytes(),
        "bin/busybox": _read(_BUSYBOX, "apt-get install busybox-static"),
        "bin/consent-agent": _static(agent),
        **dict(_modules(kernel.name.removeprefix("vmlinuz-"))),
    }
    source = (_HERE / "hostile.c").read_bytes()
    digest = hashlib.sha256(source + kernel.read_bytes())
    for name, content in sorted(files.items()):
        digest.update(f"{name} {len(content)} ".encode() + content)
    folder = cache / digest.hexdigest()[:16]
    if not folder.exists():
        files["bin/hostile"] = _compile(source)
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            made = Path(scratch) / "image"
            made.mkdir()
            shutil.copyfile(kernel, made / "vmlinuz")
            (made / "initrd.gz").write_bytes(gzip.compress(_cpio(files), compresslevel=6, mtime=0))
            with (made / "disk.raw").open("wb") as disk:
                disk.truncate(1 << 20)
            try:
                made.rename(folder)
            except OSError:  # another process was quicker: its bytes are the same
                if not folder.exists():
                    raise
    return GuestImage(
        folder / "vmlinuz", folder / "initrd.gz", folder / "disk.raw", digest.hexdigest()
    )


def _newest_kernel() -> Path:
    def release(path: Path) -> list[int]:
        return [int(n) for n in re.findall(r"\d+", path.name)]

    kernels = sorted(_BOOT.glob("vmlinuz-*-cloud-*"), key=release)
    if not kernels:
        raise ImageError(f"no cloud kernel in {_BOOT}: apt-get install linux-image-cloud-amd64")
    return kernels[-1]


def _modules(release: str) -> Iterator[tuple[str, bytes]]:
    root = Path("/lib/modules") / release
    for number, name in enumerate(_MODULES):
        found = sorted(root.rglob(f"{name}.ko"))
        if not found:
            raise ImageError(
                f"no module {name} under {root}: apt-get install linux-image-cloud-amd64"
            )
        yield f"lib/modules/{number}-{name}.ko", found[0].read_bytes()


def _read(path: Path, remedy: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}: {remedy}") from error


def _static(program: Path) -> bytes:
    content = _read(program, "build it first (target consent-agent), or name it in CONSENT_AGENT")
    if b"ld-linux" in content[:4096]:
        raise ImageError(f"{program} is linked dynamically: the guest has no libraries")
    return content


def _compile(source: bytes) -> bytes:
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise ImageError("no C compiler for the hostile guest: apt-get install gcc libc6-dev")
    with tempfile.TemporaryDirectory() as scratch:
        program = Path(scratch) / "hostile"
        made = subprocess.run(
            [compiler, "-O2", "-static", "-s", "-x", "c", "-", "-o", str(program)],
            input=source,
            capture_output=True,
            timeout=120,
        )
        if made.returncode != 0:
            raise ImageError(f"hostile.c: {made.stderr.decode(errors='replace')}")
        return program.read_bytes()


def _cpio(files: dict[str, bytes]) -> bytes:
    """A "newc" archive (kernel: Documentation/driver-api/early-userspace/buffer-format.rst) of
    executables.
    """
    folders = {str(parent) for name in files for parent in Path(name).parents} - {"."}
    entries = [(name, 0o040755, b"") for name in sorted(folders)]
    # The kernel opens /dev/console for init before devtmpfs is mounted.
    entries += [("dev", 0o040755, b""), ("dev/console", 0o020600, b"")]
    entries += [(name, 0o100755, content) for name, content in sorted(files.items())]
    archive = bytearray()
    for inode, (name, mode, content) in enumerate([*entries, ("TRAILER!!!", 0, b"")], start=1):
        device = (5, 1) if name == "dev/console" else (0, 0)
        fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name) + 1, 0)
        archive += b"070701" + b"".join(b"%08X" % field for field in fields)
        archive += name.encode() + b"\0"
        archive += b"\0" * (-len(archive) % 4) + content
        archive += b"\0" * (-len(archive) % 4)
    return bytes(archive)
