"""A compute host: a libvirtd and a nova-compute on a namespace machine of their own, with its own /etc/nova.

What an operator does to one host (other settings, other driver, the plugin taken away) is done here. Knows how the
host's consent file is named, not what it says.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import uuid
from pathlib import Path

from . import layout, settings
from .layout import Layout
from .namespaces import Machine
from .processes import Process, run
from .waiting import LabError, wait_for

STOCK_DRIVER = "libvirt.LibvirtDriver"
CONSENT_DRIVER = "consent.ConsentLibvirtDriver"
PLUGIN = "nova-consent"

_FOLDERS = {
    "etc-libvirt": "/etc/libvirt",
    "etc-nova": "/etc/nova",
    "run": "/run/libvirt",
    "lock": "/run/lock",
    "lib": "/var/lib/libvirt",
    "log": "/var/log/libvirt",
    "cache": "/var/cache/libvirt",
    "nova": "/var/lib/nova",
}


class ComputeHost:
    """``host<number>``.

    :param driver: ``compute_driver`` it starts with.
    :param more: sections over the usual nova.conf, this host's own.

    Changes of ``driver`` and ``more`` take effect with ``restart_nova``. One thread at a time.
    """

    def __init__(self, place: Layout, number: int, driver: str = STOCK_DRIVER) -> None:
        self.place, self.number, self.name = place, number, f"host{number}"
        self.address = layout.host_address(number)
        self.driver, self.more = driver, settings.Sections()
        self.folder = place.host(self.name)
        binds = {self.folder / folder: target for folder, target in _FOLDERS.items()}
        binds[self.folder / "hosts"] = "/etc/hosts"
        self.machine = Machine(
            f"consent-{self.name}", self.name, self.address, self.folder, place, binds
        )

    # -- up -----------------------------------------------------------------------------------------------------

    def up(self) -> None:
        """Starts libvirtd, then nova-compute; returns when libvirtd listens (nova-compute goes on starting)."""
        self._files()
        self.machine.up()
        daemon = self.machine.process(f"libvirtd-{self.name}")
        daemon.start(
            self.machine.inside(
                ["libvirtd", "--listen", "--pid-file", self.folder / "run" / "lab.pid"]
            )
        )
        socket = self.folder / "run" / "libvirt-sock"
        wait_for(f"libvirtd of {self.name} listens", socket.exists, 60, daemon.log, daemon.alive)
        self.start_nova()

    def _files(self) -> None:
        for folder in (*_FOLDERS, "etc-nova/consent.d", "nova/instances", "nova/lock"):
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
        for folder in ("qemu/networks", "hooks", "nwfilter"):
            (self.folder / "etc-libvirt" / folder).mkdir(parents=True, exist_ok=True)
        # What libvirt found out about QEMU costs it seconds; it is the same for every host and every time.
        kept = self.place.cache / "libvirt"
        if kept.exists() and not any((self.folder / "cache").iterdir()):
            shutil.copytree(kept, self.folder / "cache", dirs_exist_ok=True)
        (self.folder / "hosts").write_text(hosts_file())
        identity = self.folder / "uuid"
        if not identity.exists():
            identity.write_text(str(uuid.uuid4()))
        texts = settings.libvirtd(self.name, self.address, identity.read_text())
        for name, text in texts.items():
            (self.folder / "etc-libvirt" / name).write_text(text)
        self.write_nova_conf()

    def keep_cache(self) -> None:
        """Puts what libvirt found out about QEMU where the next cloud finds it."""
        kept = self.place.cache / "libvirt"
        if not kept.exists():
            shutil.copytree(self.folder / "cache", kept)

    # -- Nova ---------------------------------------------------------------------------------------------------

    @property
    def nova(self) -> Process:
        return self.machine.process(f"nova-compute-{self.name}.out")

    @property
    def nova_log(self) -> Path:
        return self.place.logs / f"nova-compute-{self.name}.log"

    def write_nova_conf(self) -> None:
        more = {**self.more, "DEFAULT": {"log_file": self.nova_log, **self.more.get("DEFAULT", {})}}
        text = settings.nova_compute(self.place, self.name, self.address, self.driver, more)
        (self.folder / "etc-nova" / "nova.conf").write_text(text)

    def start_nova(self) -> None:
        """Starts nova-compute; see ``nova_up``. Its log from now on begins at ``self.mark``."""
        self.mark = self.nova_log.stat().st_size if self.nova_log.exists() else 0
        self.nova.start(
            self.machine.inside(
                [self.place.bin / "nova-compute", "--config-file", "/etc/nova/nova.conf"]
            ),
            {"PATH": f"{self.place.bin}:{os.environ['PATH']}"},
        )

    def nova_up(self, timeout_s: float = 180.0) -> None:
        """Returns when nova-compute takes work: it joins its service group after its RPC server listens."""
        wait_for(
            f"nova-compute of {self.name} is up",
            lambda: "Join ServiceGroup membership" in self.log_since(self.mark),
            timeout_s,
            self.nova_log,
            self.nova.alive,
        )

    def restart_nova(self) -> None:
        """Kills nova-compute, takes changed settings into use and returns when it is up. Guests go on."""
        self.nova.end()
        self.write_nova_conf()
        self.start_nova()
        self.nova_up()

    def log_since(self, mark: int) -> str:
        """nova-compute's log from byte ``mark`` on."""
        try:
            with self.nova_log.open("rb") as log:
                log.seek(mark)
                return log.read().decode(errors="replace")
        except OSError:
            return ""

    def log_size(self) -> int:
        return self.nova_log.stat().st_size if self.nova_log.exists() else 0

    # -- the host's consent file --------------------------------------------------------------------------------

    @property
    def consent_file(self) -> Path:
        """``/etc/nova/consent.d/host.yaml`` of this host, as a path of this machine."""
        return self.folder / "etc-nova" / "consent.d" / "host.yaml"

    def write_consent_file(self, text: str) -> None:
        """Replaces the host's consent file at once, as an editor or a configuration tool does; "" removes it."""
        if not text:
            self.consent_file.unlink(missing_ok=True)
            return
        new = self.consent_file.with_suffix(".new")
        new.write_text(text)
        new.rename(self.consent_file)

    # -- the plugin taken away from this host alone -------------------------------------------------------------

    def remove_plugin(self) -> None:
        """Uninstalls the plugin on this host, goes back to the stock driver and restarts nova-compute.

        The hosts share one virtual environment, so this one is given its own copy of the packages first: hard links,
        bound over the place in its mount namespace, from which pip then takes the plugin away.
        """
        packages = next(self.place.venv.glob("lib/python3*/site-packages"))
        own = self.folder / "site-packages"
        if not own.exists():
            try:
                run(["cp", "--archive", "--link", packages, own])
            except LabError:  # another file system
                shutil.rmtree(own, ignore_errors=True)
                run(["cp", "--archive", packages, own], timeout_s=300)
        self.machine.run(["mount", "--bind", own, packages])
        # The programs in bin are the shared ones: pip would take them from every host. Only the packages go.
        for name in plugin_paths():
            path = own / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.driver = STOCK_DRIVER
        self.more.pop("consent", None)
        self.write_consent_file("")
        self.restart_nova()

    def put_plugin_back(self, driver: str) -> None:
        """Undoes ``remove_plugin``."""
        packages = next(self.place.venv.glob("lib/python3*/site-packages"))
        self.nova.end()
        # Lazily: privsep's helpers outlive nova-compute for a while and have files of it open.
        self.machine.run(["umount", "--lazy", packages])
        self.driver = driver
        self.restart_nova()

    # -- libvirt ------------------------------------------------------------------------------------------------

    def virsh(self, *words: str) -> str:
        return self.machine.run(["virsh", "--connect", "qemu:///system", *words])

    def domains(self) -> dict[str, str]:
        """libvirt's name of each guest that runs here -> its UUID."""
        listed = self.virsh("list", "--uuid", "--name")
        return {
            name: found
            for found, name in re.findall(r"^([0-9a-f-]{36})\s+(\S+)", listed, re.MULTILINE)
        }


def plugin_paths() -> list[str]:
    """What the plugin put below site-packages: folders and files, from its own RECORD."""
    tops: set[str] = set()
    for file in importlib.metadata.files(PLUGIN) or []:
        parts = file.parts
        if parts[0] == "..":
            continue
        # nova/virt/consent is ours, nova/virt is Nova's.
        tops.add("/".join(parts[:3]) if parts[0] == "nova" else parts[0])
    return sorted(tops)


def hosts_file() -> str:
    """/etc/hosts of every machine of the lab."""
    names = [(layout.host_address(n), f"host{n}") for n in range(1, layout.MAX_HOSTS + 1)]
    lines = [("127.0.0.1", "localhost"), (layout.CONTROL_ADDRESS, "control"), *names]
    return "".join(f"{address} {name}\n" for address, name in lines)
