"""A machine that is not one: network, mount and UTS namespaces under one name, kept by a holder process.

The holder sleeps inside the namespaces; whatever belongs to the machine enters them through its pid, and may be
restarted without the mounts and the network going away. Knows nothing of OpenStack.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import layout
from .processes import Process, end_all, run, started_at
from .waiting import LabError

#: Hosts come up in parallel and want the same mount points.
_NOTES = threading.Lock()


def ip(*words: str) -> str:
    return run(["ip", *words])


def make_bridge() -> None:
    """The lab's one network segment, with the machine itself on it."""
    if not Path(f"/sys/class/net/{layout.BRIDGE}").exists():
        ip("link", "add", layout.BRIDGE, "type", "bridge")
        ip("addr", "add", f"{layout.BRIDGE_ADDRESS}/{layout.PREFIX_LENGTH}", "dev", layout.BRIDGE)
    ip("link", "set", layout.BRIDGE, "up")


def remove_bridge() -> None:
    if Path(f"/sys/class/net/{layout.BRIDGE}").exists():
        ip("link", "del", layout.BRIDGE)


def leftover_namespaces() -> list[str]:
    """Namespaces of this or an earlier, killed cloud."""
    folder = Path("/run/netns")
    return sorted(p.name for p in folder.glob("consent-*")) if folder.is_dir() else []


def remove_namespace(name: str) -> int:
    """Ends every process inside the network namespace, then removes it. Returns how many it ended."""
    pids = [int(pid) for pid in ip("netns", "pids", name).split()]
    end_all(pids)
    ip("netns", "del", name)
    # The veth pair goes with the namespace, but only when its last user is gone: not at once.
    outer = veth_name(name)
    if Path(f"/sys/class/net/{outer}").exists():
        subprocess.run(["ip", "link", "del", outer], capture_output=True, check=False)
    return len(pids)


def veth_name(namespace: str) -> str:
    return "v-" + namespace.removeprefix("consent-")


class Machine:
    """One namespace machine.

    :param name: name of its network namespace, ``consent-<hostname>``.
    :param folder: its own files.
    :param binds: folder of the machine -> path it shows up at inside.
    """

    def __init__(
        self,
        name: str,
        hostname: str,
        address: str,
        folder: Path,
        place: layout.Layout,
        binds: Mapping[Path, str],
    ) -> None:
        self.name, self.hostname, self.address, self.folder = name, hostname, address, folder
        self._place, self._binds = place, binds
        self._holder = folder / "holder.pid"

    @property
    def holder(self) -> int | None:
        try:
            pid, start = self._holder.read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid) if started_at(int(pid)) == start else None

    def up(self) -> None:
        """Makes network, mounts and holder; does nothing if they are there."""
        if self.holder is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._network()
        mounts = ["mount --make-rprivate /", f"hostname {shlex.quote(self.hostname)}"]
        for source, target in self._binds.items():
            make_mount_point(self._place, target, is_file=source.is_file())
            mounts.append(f"mount --bind {shlex.quote(str(source))} {shlex.quote(target)}")
        script = " && ".join([*mounts, "echo ready", "exec sleep infinity"])
        child = subprocess.Popen(
            ["ip", "netns", "exec", self.name, "unshare", "--mount", "--uts", "sh", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        assert child.stdout is not None
        assert child.stderr is not None
        if child.stdout.readline().strip() != "ready":
            raise LabError(
                f"{self.name}: cannot make its namespaces: {child.stderr.read().strip()}"
            )
        self._holder.write_text(f"{child.pid} {started_at(child.pid)}\n")

    def _network(self) -> None:
        if self.name not in leftover_namespaces():
            ip("netns", "add", self.name)
            outer = veth_name(self.name)
            ip("link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", self.name)
            ip("link", "set", outer, "master", layout.BRIDGE, "up")
            inside = ["netns", "exec", self.name, "ip"]
            ip(*inside, "addr", "add", f"{self.address}/{layout.PREFIX_LENGTH}", "dev", "eth0")
            ip(*inside, "link", "set", "eth0", "up")
            ip(*inside, "link", "set", "lo", "up")

    def inside(self, argv: Sequence[str | Path]) -> list[str]:
        """``argv`` as it has to be called to run on this machine; the pid is the program's own."""
        holder = self.holder
        if holder is None:
            raise LabError(f"{self.name} is not up")
        return [
            "nsenter",
            f"--target={holder}",
            "--net",
            "--mount",
            "--uts",
            *(str(word) for word in argv),
        ]

    def run(self, argv: Sequence[str | Path], timeout_s: float = 60.0) -> str:
        return run(self.inside(argv), timeout_s=timeout_s)

    def process(self, name: str) -> Process:
        return Process(name, self._place.pids / f"{name}.pid", self._place.logs / f"{name}.log")


def make_mount_point(place: layout.Layout, target: str, is_file: bool = False) -> None:
    """Makes ``target`` if the machine has no such path, and notes it so that ``down`` removes it again."""
    path, note = Path(target), place.root / "mount-points.json"
    with _NOTES:
        if path.exists():
            return
        made: list[str] = json.loads(note.read_text()) if note.exists() else []
        note.write_text(json.dumps([*made, target]))
        if is_file:
            path.touch()
        else:
            path.mkdir(parents=True)


def remove_mount_points(place: layout.Layout) -> None:
    """Removes the empty folders made by make_mount_point; what has come to hold something stays."""
    note = place.root / "mount-points.json"
    if not note.exists():
        return
    for target in sorted(json.loads(note.read_text()), reverse=True):
        with contextlib.suppress(OSError):
            os.rmdir(target)
    note.unlink()
