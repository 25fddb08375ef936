"""A gate of one host without Nova around it: the objects that it reads are here, voters in memory."""

from __future__ import annotations

import datetime
import tempfile
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from nova import context, objects, test
from nova.tests.unit import fake_instance
from oslo_config import cfg

from consent_core import MemoryVoters, Voter
from nova_consent.conf import read_options
from nova_consent.gate import Gate
from nova_consent.settings import HostSettings

NEIGHBOUR = "11111111-1111-4111-8111-111111111111"
MIGRATION = "66666666-6666-4666-8666-666666666666"


class GateTestCase(test.NoDBTestCase):
    """`make_gate` gives a gate of host2 for VMs that come from host1."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.enterContext_folder())
        self.context = context.RequestContext("u", "p", request_id="req-1")
        flavor = objects.Flavor(
            id=1,
            flavorid="1",
            name="f",
            vcpus=2,
            memory_mb=96,
            extra_specs={"consent:voter": "yes"},
        )
        self.instance = fake_instance.fake_instance_obj(
            self.context, host="host1", project_id="p", flavor=flavor
        )
        self.instance.metadata, self.instance.system_metadata = {}, {}
        self.migration = objects.Migration(
            uuid=MIGRATION,
            created_at=datetime.datetime.now(datetime.UTC),
            dest_compute=None,
        )
        check = SimpleNamespace(
            event="compute_check_can_live_migrate_destination",
            start_time=datetime.datetime.now(datetime.UTC),
            finish_time=None,
            id=1,
            host="host2",
        )
        node = SimpleNamespace(stats={})
        guests = mock.patch.object(
            objects.InstanceList, "get_by_filters", return_value=[self.instance]
        )
        self.read_guests = guests.start()
        self.addCleanup(guests.stop)
        for target, method, value in (
            (objects.MigrationList, "get_by_filters", [self.migration]),
            (objects.InstanceAction, "get_by_request_id", SimpleNamespace(id=1)),
            (objects.InstanceActionEventList, "get_by_action", [check]),
            (objects.ComputeNodeList, "get_all_by_host", [node]),
            (objects.Instance, "get_by_uuid", self.instance),
        ):
            patch = mock.patch.object(target, method, return_value=value)
            setattr(self, method, patch.start())
            self.addCleanup(patch.stop)

    def enterContext_folder(self) -> str:  # noqa: N802
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return folder.name

    def make_gate(self, guests: MemoryVoters | None = None, host: str = "host2", **options) -> Gate:
        conf = cfg.ConfigOpts()
        conf([], project="nova")
        read_options(conf)
        settings = {
            "mode": "enforce",
            "voter_deadline_s": 0.2,
            "round_deadline_s": 0.5,
            "host_file": str(self.folder / "host.yaml"),
            **options,
        }
        for name, value in settings.items():
            conf.set_override(name, value, "consent")
        read = read_options(conf)
        guests = guests or MemoryVoters([Voter(NEIGHBOUR, "n"), Voter(self.instance.uuid, "m")])
        return Gate(host, read, HostSettings(read, host=host), guests)

    def neighbour(self, uuid: str = NEIGHBOUR, **said: dict[str, str]) -> objects.Instance:
        """A guest of host2 with what was `said` for it: extra_specs, system_metadata, metadata."""
        flavor = objects.Flavor(
            id=2,
            flavorid="2",
            name="m1.small",
            vcpus=1,
            memory_mb=64,
            extra_specs=said.get("extra_specs", {}),
        )
        instance = fake_instance.fake_instance_obj(
            self.context, uuid=uuid, host="host2", project_id="q", flavor=flavor
        )
        instance.metadata = said.get("metadata", {})
        instance.system_metadata = said.get("system_metadata", {})
        return instance
