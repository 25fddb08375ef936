"""What the lab asks of the cloud's APIs, at the microversions it means to test.

keystoneauth rather than openstacksdk's proxies: those pin the microversion of a live migration at 2.30, whose call
waits for the checks; here 2.34 or later is wanted, as the ``openstack`` command sends. Knows nothing of consent.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keystoneauth1.exceptions import NotFound
from keystoneauth1.session import Session

from . import layout
from .layout import url
from .waiting import LabError, wait_for

#: The newest microversion that starts an evacuated server again.
NEWEST = "2.94"
#: The newest microversion that can force a live migration past the scheduler.
FORCED = "2.67"

_ENDED = frozenset({"completed", "error", "failed", "cancelled"})


@dataclass(frozen=True)
class Migration:
    """How a live migration ended. ``status`` is Nova's word: completed, error, failed, cancelled."""

    uuid: str
    request_id: str
    status: str
    source: str
    destination: str
    seconds: float

    @property
    def completed(self) -> bool:
        return self.status == "completed"


@dataclass(frozen=True)
class Started:
    """A live migration that was asked for. ``earlier``: the server's migrations before it, by UUID."""

    server: str
    request_id: str
    earlier: frozenset[str]


class Client:
    """Admin's view of the cloud. Threads may share it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def compute(self, method: str, path: str, version: str = NEWEST, **more: Any) -> Any:
        """One call of Nova's API: the JSON body of the answer, None if it has none.

        :raises keystoneauth1.exceptions.ClientException: Nova refused, with its message.
        """
        answer = self.compute_answer(method, path, version, **more)
        return answer.json() if answer.content else None

    def compute_answer(self, method: str, path: str, version: str = NEWEST, **more: Any) -> Any:
        headers = {"OpenStack-API-Version": f"compute {version}"}
        return self._session.request(
            url(layout.NOVA, "/v2.1" + path), method, headers=headers, **more
        )

    # -- services -----------------------------------------------------------------------------------------------

    def services(self) -> dict[str, dict[str, Any]]:
        """nova-compute's service record of each host that the API knows."""
        found = self.compute("GET", "/os-services?binary=nova-compute")["services"]
        return {service["host"]: service for service in found}

    def force_down(self, host: str, down: bool) -> None:
        """Tells Nova that a host is fenced, as a monitor would, or that it is back."""
        self.compute(
            "PUT", f"/os-services/{self.services()[host]['id']}", json={"forced_down": down}
        )

    # -- images, flavors ----------------------------------------------------------------------------------------

    def upload(self, name: str, file: Path, kind: str, **properties: str) -> str:
        """Uploads ``file`` as a public image unless one of that name exists; returns its id.

        :param kind: aki, ari (kernel, initramfs) or raw.
        """
        base = url(layout.GLANCE, "/v2/images")
        known = self._session.get(f"{base}?name={name}").json()["images"]
        if known:
            return str(known[0]["id"])
        container = "bare" if kind == "raw" else kind
        body = {
            "name": name,
            "visibility": "public",
            "container_format": container,
            "disk_format": kind,
            **properties,
        }
        image = self._session.post(base, json=body).json()["id"]
        self._session.put(
            f"{base}/{image}/file",
            data=file.read_bytes(),
            headers={"Content-Type": "application/octet-stream"},
        )
        return str(image)

    def flavor(
        self, name: str, memory_mib: int, extra_specs: Mapping[str, str] | None = None
    ) -> str:
        """A flavor of one vCPU and no disk; made unless it exists."""
        for known in self.compute("GET", "/flavors?is_public=None")["flavors"]:
            if known["name"] == name:
                return str(known["id"])
        body = {"name": name, "ram": memory_mib, "vcpus": 1, "disk": 0}
        flavor = str(self.compute("POST", "/flavors", json={"flavor": body})["flavor"]["id"])
        if extra_specs:
            self.compute(
                "POST", f"/flavors/{flavor}/os-extra_specs", json={"extra_specs": dict(extra_specs)}
            )
        return flavor

    def aggregate(self, name: str, hosts: Iterable[str], metadata: Mapping[str, str]) -> int:
        """A new aggregate of these hosts."""
        made = int(
            self.compute("POST", "/os-aggregates", json={"aggregate": {"name": name}})["aggregate"][
                "id"
            ]
        )
        for host in hosts:
            self._aggregate_act(made, {"add_host": {"host": host}})
        self._aggregate_act(made, {"set_metadata": {"metadata": dict(metadata)}})
        return made

    def remove_aggregate(self, aggregate: int, hosts: Iterable[str]) -> None:
        """Takes these hosts, which must be all of its, out of an aggregate and removes it."""
        for host in hosts:
            self._aggregate_act(aggregate, {"remove_host": {"host": host}})
        self.compute("DELETE", f"/os-aggregates/{aggregate}")

    def _aggregate_act(self, aggregate: int, action: Mapping[str, Any]) -> None:
        self.compute("POST", f"/os-aggregates/{aggregate}/action", json=dict(action))

    # -- servers ------------------------------------------------------------------------------------------------

    def boot(self, name: str, host: str, image: str, flavor: str) -> str:
        """Asks for a server on ``host`` and returns its UUID at once."""
        body = {
            "name": name,
            "imageRef": image,
            "flavorRef": flavor,
            "networks": "none",
            "host": host,
        }
        return str(self.compute("POST", "/servers", json={"server": body})["server"]["id"])

    def server(self, uuid: str) -> dict[str, Any]:
        return dict(self.compute("GET", f"/servers/{uuid}")["server"])

    def servers(self) -> list[dict[str, Any]]:
        return list(self.compute("GET", "/servers/detail?all_tenants=1")["servers"])

    def host_of(self, uuid: str) -> str:
        return str(self.server(uuid)["OS-EXT-SRV-ATTR:host"])

    def settled(
        self, uuid: str, status: str = "ACTIVE", timeout_s: float = 180.0
    ) -> dict[str, Any]:
        """Waits until no task is under way; returns the server.

        :raises LabError: it came to rest in another state, or not in time; Nova's fault is in the text.
        """

        def at_rest() -> dict[str, Any] | None:
            server = self.server(uuid)
            busy = server["OS-EXT-STS:task_state"] is not None or server["status"] == "BUILD"
            return None if busy else server

        server = wait_for(f"server {uuid} comes to rest", at_rest, timeout_s)
        if server["status"] != status:
            raise LabError(
                f"{server['name']} is {server['status']}, not {status}: {server.get('fault', {})}"
            )
        return server

    def act(self, uuid: str, action: str, body: Any, version: str = NEWEST) -> str:
        """A server action; returns the request id, by which its events are found."""
        answer = self.compute_answer(
            "POST", f"/servers/{uuid}/action", version, json={action: body}
        )
        return str(answer.headers["x-openstack-request-id"])

    def say(self, uuid: str, metadata: Mapping[str, str]) -> None:
        """Adds to a server's metadata, as its owner may."""
        self.compute("POST", f"/servers/{uuid}/metadata", json={"metadata": dict(metadata)})

    def unsay(self, uuid: str, key: str) -> None:
        """Takes a key out of a server's metadata."""
        self.compute("DELETE", f"/servers/{uuid}/metadata/{key}")

    def hard_reboot(self, uuid: str) -> dict[str, Any]:
        self.act(uuid, "reboot", {"type": "HARD"})
        return self.settled(uuid)

    def delete(self, uuid: str, timeout_s: float = 60.0) -> None:
        """Deletes a server and returns when it is gone."""
        try:
            self.compute("DELETE", f"/servers/{uuid}")
        except NotFound:
            return

        def gone() -> bool:
            try:
                return bool(self.server(uuid)["status"] == "DELETED")
            except NotFound:
                return True

        wait_for(f"server {uuid} is deleted", gone, timeout_s)

    # -- live migration -----------------------------------------------------------------------------------------

    def start_migration(self, uuid: str, host: str | None = None, force: bool = False) -> Started:
        """Asks for a live migration and returns at once.

        :param host: the destination; None leaves it to the scheduler.
        :param force: past the scheduler, as only old microversions can.
        :raises keystoneauth1.exceptions.ClientException: Nova's API did not take it.
        """
        earlier = self.earlier(uuid)
        body: dict[str, Any] = {"host": host, "block_migration": "auto"}
        if force:
            request = self.act(uuid, "os-migrateLive", {**body, "force": True}, FORCED)
        else:
            request = self.act(uuid, "os-migrateLive", body)
        return Started(uuid, request, earlier)

    def earlier(self, uuid: str) -> frozenset[str]:
        """The live migrations that a server has had up to now: a new one is told from them."""
        return frozenset(migration["uuid"] for migration in self.migrations(uuid))

    def migrations(self, uuid: str) -> list[dict[str, Any]]:
        """Live migrations of a server, the newest first."""
        found = self.compute(
            "GET", f"/os-migrations?instance_uuid={uuid}&migration_type=live-migration"
        )["migrations"]
        return sorted(found, key=lambda migration: -int(migration["id"]))

    def migration_end(self, started: Started, timeout_s: float = 240.0) -> Migration:
        """Waits until a live migration has ended and the server's task is over.

        :raises LabError: not in time, or the server is no longer ACTIVE: that a refusal must never do.
        """
        began = time.monotonic()

        def ended() -> dict[str, Any] | None:
            # Nova answers the request before it records the migration: an earlier one must not be taken for it.
            new = [m for m in self.migrations(started.server) if m["uuid"] not in started.earlier]
            return new[0] if new and new[0]["status"] in _ENDED else None

        migration = wait_for(f"the live migration of {started.server} ends", ended, timeout_s)
        self.settled(started.server)
        return Migration(
            uuid=migration["uuid"],
            request_id=started.request_id,
            status=migration["status"],
            source=migration["source_compute"],
            destination=migration["dest_compute"] or "",
            seconds=time.monotonic() - began,
        )

    def migrate(
        self, uuid: str, host: str | None = None, force: bool = False, timeout_s: float = 240.0
    ) -> Migration:
        """A live migration from beginning to end; see start_migration and migration_end."""
        return self.migration_end(self.start_migration(uuid, host, force), timeout_s)

    def action(self, uuid: str, request_id: str) -> dict[str, Any]:
        """The record of one action, with its events and their details."""
        return dict(
            self.compute("GET", f"/servers/{uuid}/os-instance-actions/{request_id}")[
                "instanceAction"
            ]
        )

    def event_details(self, uuid: str, request_id: str) -> str:
        """What Nova shows an admin of why an action's events failed, one a line."""
        events = self.action(uuid, request_id)["events"]
        return "\n".join(
            f"{e['event']} on {e.get('host')}: {e['details']}" for e in events if e.get("details")
        )
