"""The cloud as a whole: up, down, and the handles on its parts."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from . import leftovers, namespaces
from .client import Client
from .control import Control
from .hosts import CONSENT_DRIVER, STOCK_DRIVER, ComputeHost
from .layout import Layout
from .processes import run
from .telling import Telling
from .waiting import LabError, wait_for

#: What has to be installed, and the Debian package that has it.
_NEEDED = {
    "ip": "iproute2",
    "nsenter": "util-linux",
    "mariadbd": "mariadb-server",
    "mariadb": "mariadb-client",
    "libvirtd": "libvirt-daemon-system",
    "virsh": "libvirt-clients",
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "/usr/lib/rabbitmq/bin/rabbitmq-server": "rabbitmq-server",
}


class Cloud:
    """One cloud: control plane and ``host1``, ``host2``, ..

    :param driver: ``compute_driver`` of the hosts.
    :param consent: options of ``[consent]`` in each host's nova.conf; none leaves the section out.
    :param filters: scheduler filters besides Nova's own, class name -> dotted path.
    :param weighers: scheduler weighers besides Nova's own, dotted paths.
    :param hosts: how many; 9 at most.

    One at a time on a machine: a lock file says so. Not for use by several threads at once.
    """

    def __init__(
        self,
        place: Layout | None = None,
        tell: Telling | None = None,
        driver: str = STOCK_DRIVER,
        consent: Mapping[str, object] | None = None,
        filters: Mapping[str, str] | None = None,
        weighers: Sequence[str] = (),
        hosts: int = 3,
    ) -> None:
        self.place, self.tell = place or Layout(), tell or Telling()
        self.control = Control(self.place, self.tell, filters, weighers)
        self.hosts = {f"host{n}": ComputeHost(self.place, n, driver) for n in range(1, hosts + 1)}
        for host in self.hosts.values():
            if consent:
                host.more["consent"] = dict(consent)
        self.client = Client(self.control.session())
        self._lock: IO[str] | None = None

    def up(self) -> None:
        """Clears the leftovers of an earlier cloud, then brings this one up; returns when its hosts take work.

        :raises LabError: which part did not come up, and the end of its log.
        """
        self._check_machine()
        self._take_lock()
        self._clear()
        for folder in (self.place.run, self.place.cache, self.place.logs):
            folder.mkdir(parents=True, exist_ok=True)
        namespaces.make_bridge()
        self.control.up()
        with ThreadPoolExecutor(len(self.hosts)) as pool:
            list(pool.map(ComputeHost.up, self.hosts.values()))
        self.tell.step(f"{len(self.hosts)} libvirtds listen; nova-compute starts on each")
        self.control.settled()
        for host in self.hosts.values():
            host.nova_up()
        # Joined to its service group, a host has its record in the cell's database.
        self.control.discover_hosts()
        wait_for("Nova sees all hosts up", self._all_up, 60, self.hosts["host1"].nova_log)
        self.hosts["host1"].keep_cache()
        self.tell.step(f"cloud is up: Nova sees {', '.join(self.hosts)}")

    def _all_up(self) -> bool:
        found = self.client.services()
        return set(found) >= set(self.hosts) and all(
            service["state"] == "up" for service in found.values()
        )

    def down(self) -> None:
        """Ends everything the cloud started and removes its namespaces, bridge and state; the cache stays."""
        self._clear()
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        self.tell.step("cloud is down")

    def collect_logs(self, into: Path) -> None:
        """Copies what explains a failure (logs, settings, guests' consoles) to ``into``."""
        for name, source in {"log": self.place.logs, "etc": self.place.etc}.items():
            if source.exists():
                shutil.copytree(
                    source,
                    into / name,
                    dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("fernet*"),
                )
        for host in self.hosts.values():
            for pattern in (
                "log/**/*.log",
                "nova/instances/*/console.log",
                "etc-nova/**/*.conf",
                "etc-nova/**/*.yaml",
            ):
                for file in host.folder.glob(pattern):
                    target = into / host.name / file.relative_to(host.folder)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, target)

    # -----------------------------------------------------------------------------------------------------------

    def _check_machine(self) -> None:
        if os.geteuid() != 0:
            raise LabError("the lab makes namespaces and a bridge: run it as root")
        missing = [package for program, package in _NEEDED.items() if shutil.which(program) is None]
        if missing:
            raise LabError(f"not installed: apt-get install {' '.join(sorted(set(missing)))}")
        if not (self.place.bin / "nova-compute").exists():
            raise LabError(
                f"no Nova in {self.place.venv}: run this with the Python of the cloud's environment"
            )
        if len(str(self.place.root)) > 60:
            raise LabError(f"LAB={self.place.root}: at most 60 characters, sockets lie below it")

    def _take_lock(self) -> None:
        lock = Path("/run/lock/consent-cloud").open("a")  # noqa: SIM115 - held until down
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise LabError(
                "another run has its cloud up on this machine; it ends with that run"
            ) from error
        os.set_inheritable(lock.fileno(), False)
        self._lock = lock

    def _clear(self) -> None:
        if ended := leftovers.clear(self.place):
            self.tell.step(f"ended {ended} processes of a cloud that was up")


def with_plugin(tell: Telling | None = None, hosts: int = 3, **options: object) -> Cloud:
    """A cloud whose hosts run the consent driver and whose scheduler runs filter and weigher, in enforce.

    :param options: more of ``[consent]``.
    """
    return Cloud(
        tell=tell,
        hosts=hosts,
        driver=CONSENT_DRIVER,
        consent={"mode": "enforce", **options},
        filters={"ConsentFilter": "nova_consent.filters.ConsentFilter"},
        weighers=["nova_consent.weighers.ConsentWeigher"],
    )


def come_down_when_told() -> None:
    """Makes SIGTERM an exception, so that a program that is told to end takes its cloud down first."""

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)


def install_plugin(place: Layout, wheel: Path) -> None:
    """Installs the plugin's wheel into the cloud's environment, as an operator does on every host.

    :raises LabError: pip failed.
    """
    pip: list[str | Path] = [
        place.bin / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--force-reinstall",
    ]
    run([*pip, wheel], timeout_s=120)


def openstack(
    place: Layout, *words: str, timeout_s: float = 120.0
) -> subprocess.CompletedProcess[str]:
    """The real ``openstack`` command as an admin types it after ``source rc``; standard error goes into its output."""
    script = f'. {place.rc}; exec openstack "$@"'
    return subprocess.run(
        ["bash", "-c", script, "openstack", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=timeout_s, stdin=subprocess.DEVNULL, check=False, env={**os.environ, "COLUMNS": "160"},
    )  # fmt: skip
