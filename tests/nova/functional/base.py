"""A small cloud of Nova's functional fixtures in which the plugin is installed.

Real: Nova's API, conductor, scheduler, computes, placement, our driver, gate and filter, and the
core's rounds. Not real: libvirt, the network, and the voters, who are in memory. Casts are casts
(as in production), so that what an exception does to a VM is what it would do there.
"""

from __future__ import annotations

import datetime
import logging
import pathlib
import re
import time
from unittest import mock

import fixtures
import nova.conf
from nova import context as nova_context
from nova import objects
from nova.tests import fixtures as nova_fixtures
from nova.tests.functional.libvirt import base

from consent_core import Answer, MemoryVoters, Runner, Voter
from nova_consent.cmd import make_driver_known
from nova_consent.conf import OPTIONS

CONF = nova.conf.CONF

NEIGHBOUR = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
BECAUSE = "database is mid-backup"


def neighbours(answer: Answer | tuple[Answer, str] | None = Answer.CONSENT) -> MemoryVoters:
    """A host with two guests, of which NEIGHBOUR gives `answer` and the other consents."""
    voters = [Voter(NEIGHBOUR, "instance-0000aaaa"), Voter(OTHER, "instance-0000bbbb")]
    return MemoryVoters(voters, {NEIGHBOUR: answer})


def refusing() -> MemoryVoters:
    """A host on which NEIGHBOUR refuses."""
    return neighbours((Answer.REFUSE, BECAUSE))


class Lines(logging.Handler):
    """Keeps what the plugin logs."""

    def __init__(self) -> None:
        super().__init__(level=logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("nova_consent"):
            self.records.append(record)

    def rounds(self) -> list[dict[str, str]]:
        """The lines of rounds, split into their keys."""
        lines = [r.getMessage() for r in self.records if r.levelno == logging.INFO]
        pairs = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)')
        return [dict(pairs.findall(line)) for line in lines if line.startswith("consent round=")]

    def errors(self) -> list[str]:
        return [r.getMessage() for r in self.records if r.levelno >= logging.ERROR]


class ConsentTestBase(base.LibvirtMigrationMixin, base.ServersTestBase):
    """Hosts with our driver or Nova's own; `voters` says who runs on which."""

    ADMIN_API = True
    CAST_AS_CALL = False
    microversion = "2.84"
    WEIGHTS = {"host1": 400, "host2": 300, "host3": 200, "host4": 100}

    def setUp(self) -> None:
        make_driver_known()
        CONF.register_opts(OPTIONS, "consent")
        self.voters: dict[str, MemoryVoters] = {}
        self.useFixture(nova_fixtures.HostNameWeigherFixture(weights=self.WEIGHTS))
        super().setUp()
        self.folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.flags(mode="enforce", voter_deadline_s=0.3, round_deadline_s=2.0, group="consent")
        self.useFixture(
            fixtures.MonkeyPatch(
                "nova_consent.driver.open_voters",
                lambda options, host, uri: self.voters.setdefault(host, MemoryVoters()),
            )
        )
        self.lines = Lines()
        logging.getLogger().addHandler(self.lines)
        self.addCleanup(logging.getLogger().removeHandler, self.lines)
        consent_log = logging.getLogger("nova_consent")
        self.addCleanup(consent_log.setLevel, consent_log.level)
        consent_log.setLevel(logging.DEBUG)

    def _setup_compute_service(self) -> None:
        """None yet: each test starts its own."""

    def _setup_scheduler_service(self):
        group = CONF.filter_scheduler
        self.flags(
            available_filters=[*group.available_filters, "nova_consent.filters.ConsentFilter"],
            enabled_filters=[*group.enabled_filters, "ConsentFilter"],
            group="filter_scheduler",
        )
        return self.start_service("scheduler")

    # Hosts

    def start_host(self, host: str, voters: MemoryVoters | None = None, stock: bool = False):
        """Starts nova-compute on `host`, with the [consent] options as they are set now."""
        if voters is not None:
            self.voters[host] = voters
        driver = "libvirt.LibvirtDriver" if stock else "consent.ConsentLibvirtDriver"
        self.flags(compute_driver=driver)
        self.flags(host_file=str(self.host_file(host)), group="consent")
        self.start_compute(host)
        return self.computes[host]

    def host_file(self, host: str) -> pathlib.Path:
        return self.folder / f"{host}.yaml"

    def write_host_file(self, host: str, text: str) -> None:
        self.host_file(host).write_text(text)

    def gate(self, host: str):
        return self.computes[host].driver._consent_gate

    def change_voters(self, host: str, voters: MemoryVoters) -> None:
        """From now on the guests of `host` are these."""
        self.voters[host] = voters
        gate = self.gate(host)
        gate._runner = Runner(voters, gate._ledger, gate._options.max_rounds)

    # Migrations

    def _migrate_stub(self, domain, destination, params, flags):
        """libvirt's migration: the guest appears on the host that the URI names."""
        host = re.search(r"//(?:[^/@]*@)?([^/]+)/", destination)[1]
        target = self.computes[host].driver._host.get_connection()
        target.createXML(params["destination_xml"], "flags")
        domain.complete_job()
        self.migrated_to = host

    def boot(self, host: str = "host1", **kwargs):
        return self._create_server(host=host, networks="none", **kwargs)

    def live_migrate(self, server, host: str | None = None, force: bool = False) -> str:
        """Asks for a live migration and waits for its end. Returns the migration's status."""
        body = {"host": host, "block_migration": "auto"}
        version = self.api.microversion
        before = len(self.migrations(server))
        if force:
            self.api.microversion, body["force"] = "2.67", True
        try:
            self.api.post_server_action(server["id"], {"os-migrateLive": body})
        finally:
            self.api.microversion = version
        return self.wait_for_migration(server, before)

    def wait_for_migration(self, server, before: int = 0) -> str:
        """Waits for the end of the migration that comes after the first `before`."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            migrations = self.migrations(server)
            if len(migrations) > before and migrations[0].status in (
                "completed",
                "error",
                "failed",
            ):
                self._wait_for_server_parameter(server, {"OS-EXT-STS:task_state": None})
                return migrations[0].status
            time.sleep(0.05)
        raise AssertionError(f"the migration of {server['id']} did not end")

    def migrations(self, server):
        """Its live migrations, newest first."""
        context = nova_context.get_admin_context()
        with nova_context.target_cell(context, self.cell_mappings["cell1"]) as cell:
            return objects.MigrationList.get_by_filters(
                cell, {"instance_uuid": server["id"]}, sort_keys=["id"], sort_dirs=["desc"]
            )

    def age_migrations(self, seconds: float):
        """Lets migrations that are requested from now on look `seconds` old."""
        create = objects.Migration.create

        def created_before(migration):
            migration.created_at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(
                seconds=seconds
            )
            create(migration)

        return mock.patch.object(objects.Migration, "create", created_before)

    def faults(self, server) -> str:
        """What Nova tells the admin of the last action: all event details, one a line."""
        action = self.api.get_instance_actions(server["id"])[0]
        details = self.api.get_instance_action_details(server["id"], action["request_id"])
        return "\n".join(event["details"] or "" for event in details["events"])

    def assert_untouched(self, server, host: str = "host1") -> None:
        """The VM runs where it ran, and Nova says so."""
        server = self.api.get_server(server["id"])
        self.assertEqual("ACTIVE", server["status"])
        self.assertIsNone(server["OS-EXT-STS:task_state"])
        self.assertEqual(host, server["OS-EXT-SRV-ATTR:host"])
        connection = self.computes[host].driver._host.get_connection()
        self.assertEqual(1, connection.lookupByUUIDString(server["id"]).info()[0])

    def assert_on(self, server, host: str) -> None:
        """The VM runs on `host`, and Nova says so."""
        self.assert_untouched(server, host)
