"""Hosts of a lab: a libvirtd each that believes it is alone, in network, mount and UTS namespaces
of its own.

A host is a *holder*, a process that keeps the namespaces alive and does nothing, and a libvirtd
beside it that may be stopped and started again while its guests go on. Everything a host runs lives
in a network namespace named after it: that is how the leftovers of a killed run are found, and why
nothing else is ever ended. Must not know guests, Nova or tests.

    with Network("faults", "10.78.0") as network, Host(network, 1, folder) as host:
        libvirt.open(host.uri)
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

_TIMEOUT_S = 30.0
_FOLDERS = ("run", "lib", "etc", "log", "cache")


class LabError(Exception):
    """The lab cannot be brought up; says which part and what to look at."""


class Network:
    """A bridge on this machine to which a lab's hosts are tied.

    :param name: of the bridge and the first part of every namespace and interface; at most 7
        characters.
    :param prefix: the first three numbers of the lab's /24, as ``10.78.0``; this machine is .254 in
        it.

    One process at a time uses a network: the second one is told so. Not for use by several threads.
    """

    def __init__(self, name: str, prefix: str) -> None:
        if not 0 < len(name) <= 7:
            raise ValueError(f"network name {name!r}: 1 to 7 characters, interface names hold 15")
        self.name = name
        self.prefix = prefix
        self.address = f"{prefix}.254"
        self._lock: IO[str] | None = None

    def up(self) -> None:
        """Clears what an earlier run left and makes the bridge.

        :raises LabError: another process uses this network, or this one is not root.
        """
        if os.geteuid() != 0:
            raise LabError("the lab makes namespaces and bridges: run it as root")
        lock = Path(f"/run/lock/consent-lab-{self.name}").open("a")  # noqa: SIM115  held until down()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise LabError(
                f"another run uses the lab network {self.name} ({self.prefix}.0/24)"
            ) from error
        self._lock = lock
        self.clear()
        run("ip", "link", "add", self.name, "type", "bridge")
        run("ip", "addr", "add", f"{self.address}/24", "dev", self.name)
        run("ip", "link", "set", self.name, "up")

    def down(self) -> None:
        """Ends every process in the lab's namespaces and takes the namespaces and the bridge
        away.
        """
        self.clear()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def clear(self) -> None:
        """Does what `down` does, whoever brought it up."""
        for space in self._namespaces():
            end_processes(space)
            _remove_namespace(space)
        if Path(f"/sys/class/net/{self.name}").exists():
            run("ip", "link", "del", self.name)

    def _namespaces(self) -> list[str]:
        listed = run("ip", "netns", "list").splitlines()
        names = [line.split()[0] for line in listed if line.strip()]
        return [name for name in names if name.startswith(f"{self.name}-")]

    def __enter__(self) -> Network:
        self.up()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.down()


class Host:
    """One libvirtd.

    :param number: 1 to 253; the host is called ``host<number>`` and has the network's address of
        that number.
    :param directory: of the host's own files; those of an earlier run are removed, but for
        libvirt's cache of what QEMU can do, which takes seconds to make. At most 80 characters: a
        socket lies in it.
    :param binds: more folders of its own, as {path that the host sees: folder}; both are made if
        missing.

    Not for use by several threads at once.
    """

    def __init__(
        self,
        network: Network,
        number: int,
        directory: Path,
        binds: Mapping[str, Path] | None = None,
    ) -> None:
        self.network = network
        self.name = f"host{number}"
        self.address = f"{network.prefix}.{number}"
        self.directory = directory
        self.space = f"{network.name}-{self.name}"
        self._interface = f"{network.name}-h{number}"
        self._binds = dict(binds or {})
        self._holder: subprocess.Popen[str] | None = None
        self._daemon: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """libvirt's URI from this machine, over the host's own UNIX socket, as Nova uses it."""
        return f"qemu+unix:///system?socket={self._socket}"

    @property
    def tcp_uri(self) -> str:
        """libvirt's URI from another host of the lab: where a migration goes."""
        return f"qemu+tcp://{self.address}/system"

    @property
    def pid(self) -> int:
        """libvirtd's process id. :raises LabError: it does not run."""
        if self._daemon is None or self._daemon.poll() is not None:
            raise LabError(
                f"libvirtd of {self.name} does not run; see {self.directory}/log/libvirtd.log"
            )
        return self._daemon.pid

    @property
    def holder_pid(self) -> int:
        """The process that keeps the namespaces. :raises LabError: the host is not up."""
        if self._holder is None:
            raise LabError(f"{self.name} is not up")
        return self._holder.pid

    @property
    def log_directory(self) -> Path:
        """What the host sees as /var/log/libvirt."""
        return self.directory / "log"

    def enter(self, *command: str) -> list[str]:
        """The command line that runs `command` on this host. Only between start() and stop()."""
        return ["nsenter", "-t", str(self.holder_pid), "-n", "-m", "-u", *command]

    def start(self) -> None:
        """Makes the namespaces, starts libvirtd and waits until it takes connections (1 s; 5 s the
        first time ever).

        :raises LabError: it does not within 30 s.
        """
        self._make_files()
        self._make_namespaces()
        self.start_daemon()

    def stop(self) -> None:
        """Ends everything that runs on the host, guests included, at once, and takes its namespaces
        away.
        """
        if self._holder is None:
            return
        end_processes(self.space)
        for child in (self._daemon, self._holder):
            if child is not None:
                child.wait(_TIMEOUT_S)
        self._daemon = self._holder = None
        _remove_namespace(self.space)

    def start_daemon(self) -> None:
        """Starts libvirtd, which takes over the guests that run.

        :raises LabError: no connection within 30 s.
        """
        with (self.log_directory / "libvirtd.out").open("ab") as out:
            self._daemon = subprocess.Popen(
                self.enter("libvirtd", "--listen", "--pid-file", "/run/libvirt/libvirtd.pid"),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        end = time.monotonic() + _TIMEOUT_S
        while not self._accepts():
            if self._daemon.poll() is not None or time.monotonic() > end:
                raise LabError(
                    f"libvirtd of {self.name} takes no connection: see {self.log_directory}"
                )
            time.sleep(0.02)

    def stop_daemon(self) -> None:
        """Ends libvirtd alone, as an operator's restart does; the guests go on."""
        os.kill(self.pid, signal.SIGTERM)
        assert self._daemon is not None
        try:
            self._daemon.wait(_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._daemon.kill()
            self._daemon.wait(_TIMEOUT_S)

    @property
    def _socket(self) -> Path:
        return self.directory / "run" / "libvirt-sock"

    def _accepts(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self._socket))
            except OSError:
                return False
            return True

    def _make_files(self) -> None:
        if len(str(self.directory)) > 80:
            raise LabError(
                f"{self.directory}: longer than 80 characters, a socket's path would not fit"
            )
        for folder in _FOLDERS:
            if folder != "cache":
                shutil.rmtree(self.directory / folder, ignore_errors=True)
            (self.directory / folder).mkdir(parents=True, exist_ok=True)
        etc = self.directory / "etc"
        for folder in ("qemu/networks", "hooks", "nwfilter"):
            (etc / folder).mkdir(parents=True)
        (etc / "libvirtd.conf").write_text(
            f"""\
listen_tls = 0
listen_tcp = 1
listen_addr = "{self.address}"
auth_tcp = "none"
auth_unix_rw = "none"
auth_unix_ro = "none"
host_uuid = "{uuid.uuid5(uuid.NAMESPACE_DNS, self.space)}"
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
"""
        )
        # No security driver, cgroups or devices namespace: the lab's machine may have none of them.
        (etc / "qemu.conf").write_text(
            f"""\
stdio_handler = "file"
security_driver = "none"
user = "root"
group = "root"
cgroup_controllers = [ ]
remember_owner = 0
namespaces = [ ]
migration_address = "{self.address}"
migration_host = "{self.address}"
"""
        )
        peers = "".join(f"{self.network.prefix}.{n} host{n}\n" for n in range(1, 10))
        (self.directory / "hosts").write_text(
            f"127.0.0.1 localhost\n{peers}{self.network.address} lab\n"
        )

    def _make_namespaces(self) -> None:
        outside = self._interface
        run("ip", "netns", "add", self.space)
        run(
            "ip",
            "link",
            "add",
            outside,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            self.space,
        )
        run("ip", "link", "set", outside, "master", self.network.name, "up")
        run("ip", "-n", self.space, "link", "set", "lo", "up")
        run("ip", "-n", self.space, "addr", "add", f"{self.address}/24", "dev", "eth0")
        run("ip", "-n", self.space, "link", "set", "eth0", "up")
        binds = {
            "/etc/libvirt": self.directory / "etc",
            "/run/libvirt": self.directory / "run",
            "/var/lib/libvirt": self.directory / "lib",
            "/var/log/libvirt": self.directory / "log",
            "/var/cache/libvirt": self.directory / "cache",
            "/etc/hosts": self.directory / "hosts",
            **self._binds,
        }
        script = ["set -e", f"hostname {self.name}", "mount --make-rprivate /"]
        for seen, folder in binds.items():
            if not folder.is_file():
                folder.mkdir(parents=True, exist_ok=True)
                Path(seen).mkdir(parents=True, exist_ok=True)
            script.append(f"mount --bind '{folder}' '{seen}'")
        script += ["echo up", "exec >/dev/null 2>&1 sleep infinity"]
        self._holder = subprocess.Popen(
            [
                "ip",
                "netns",
                "exec",
                self.space,
                "unshare",
                "-m",
                "-u",
                "sh",
                "-c",
                "\n".join(script),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert self._holder.stdout is not None
        with self._holder.stdout as output:
            said = output.read()
        if said != "up\n":
            raise LabError(f"namespaces of {self.name}: {said.strip()}")

    def __enter__(self) -> Host:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def run(*command: str) -> str:
    """Runs a short command and returns what it printed.

    :raises LabError: it failed, or took 30 s.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabError(f"{' '.join(command)}: {error}") from error
    if done.returncode != 0:
        raise LabError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def end_processes(space: str) -> None:
    """Ends every process in the network namespace `space` at once.

    :raises LabError: one is left after 30 s.
    """
    end = time.monotonic() + _TIMEOUT_S
    while pids := _alive(run("ip", "netns", "pids", space).split()):
        if time.monotonic() > end:
            raise LabError(f"processes {pids} in {space} do not end")
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _remove_namespace(space: str) -> None:
    # Its end of the cable first: the kernel takes a namespace's interfaces away some time later,
    # and their names with them.
    if "eth0" in run("ip", "-n", space, "-brief", "link"):
        run("ip", "-n", space, "link", "del", "eth0")
    run("ip", "netns", "del", space)


def _alive(pids: Sequence[str]) -> list[int]:
    """Those that are not zombies: a zombie waits for its parent, which may be the caller."""
    alive = []
    for pid in map(int, pids):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                alive.append(pid)
    return alive
