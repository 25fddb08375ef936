"""nova-compute starts, or says why it does not."""

from __future__ import annotations

from unittest import mock

from lxml import etree
from nova import context, objects
from nova.virt import driver as virt_driver
from nova.virt.libvirt import blockinfo
from oslo_config import cfg

from consent_core import WorkerVoters
from functional.base import ConsentTestBase
from nova_consent.conf import ConfigError
from nova_consent.driver import CHANNEL
from nova_consent.driver import open_voters as OPEN_VOTERS  # noqa: N812  before base.py patches it


class StartTest(ConsentTestBase):
    def test_a_value_that_cannot_be_taken_stops_it_saying_where(self) -> None:
        file = self.folder / "nova.conf"
        file.write_text("[DEFAULT]\n[consent]\nmode = enforced\n")
        conf = cfg.ConfigOpts()
        conf(["--config-file", str(file)], project="nova")
        with mock.patch("nova_consent.driver.CONF", conf):
            # Nova hides ValueError and ImportError behind "not of type ComputeDriver" and exits.
            raised = self.assertRaises(ConfigError, self.load)
        self.assertNotIsInstance(raised, (ValueError, ImportError))
        self.assertIn(f"{file}:3: [consent] mode: ", str(raised))

    def load(self):
        return virt_driver.load_compute_driver(None, "consent.ConsentLibvirtDriver")

    def test_values_that_contradict_each_other_stop_it(self) -> None:
        self.flags(voter_deadline_s=5.0, round_deadline_s=1.0, group="consent")
        raised = self.assertRaises(ConfigError, self.load)
        self.assertIn("voter_deadline_s", str(raised))

    def test_guests_get_the_channel(self) -> None:
        self.start_host("host1")
        server = self.boot()
        connection = self.computes["host1"].driver._host.get_connection()
        guest = self.guest_xml(connection, server)
        names = guest.xpath("./devices/channel/target/@name")
        self.assertEqual([CHANNEL], names)
        [channel] = guest.xpath("./devices/channel")
        self.assertEqual("unix", channel.get("type"))
        self.assertIsNone(channel.find("source"))

    def guest_xml(self, connection, server):
        driver = self.computes["host1"].driver
        admin = context.get_admin_context()
        with context.target_cell(admin, self.cell_mappings["cell1"]) as cell:
            instance = objects.Instance.get_by_uuid(
                cell, server["id"], expected_attrs=["flavor", "system_metadata", "numa_topology"]
            )
            image = objects.ImageMeta.from_instance(instance)
            disks = blockinfo.get_disk_info("qemu", instance, image)
            config = driver._get_guest_config(instance, [], image, disks, context=cell)
        return etree.fromstring(config.to_xml())

    def test_it_starts_without_the_worker_and_says_so(self) -> None:
        program = str(self.folder / "consent-worker")
        self.flags(worker_program=program, group="consent")
        with mock.patch("nova_consent.driver.open_voters", OPEN_VOTERS):
            self.start_host("host1")
            self.start_host("host2")
        self.assertIn(f"{program} is not there", self.lines.errors()[0])
        server = self.boot()
        self.assertEqual("error", self.live_migrate(server, "host2"))
        self.assert_untouched(server)
        self.assertIn(f"cannot start {program}", self.faults(server))
        self.write_host_file("host1", "mode: audit\n")
        self.write_host_file("host2", "mode: audit\n")
        self.assertEqual("completed", self.live_migrate(server, "host2"))

    def test_deadlines_fit_into_novas_own(self) -> None:
        self.flags(rpc_response_timeout=12)
        self.flags(round_deadline_s=20.0, voter_deadline_s=8.0, group="consent")
        options = self.load()._consent_options
        self.assertEqual((6.0, 6.0), (options.round_deadline_s, options.voter_deadline_s))
        self.flags(rpc_response_timeout=40)
        options = self.load()._consent_options
        self.assertEqual((20.0, 8.0), (options.round_deadline_s, options.voter_deadline_s))
        self.flags(long_rpc_timeout=45)
        options = self.load()._consent_options
        self.assertEqual((15.0, 8.0), (options.round_deadline_s, options.voter_deadline_s))

    def test_no_worker_before_it_is_needed(self) -> None:
        started, worker = self.folder / "started", self.folder / "worker"
        worker.write_text(f"#!/bin/sh\ntouch {started}\n")
        worker.chmod(0o755)

        def real(options, host, uri):
            return WorkerVoters(program=str(worker), uri=uri)

        self.flags(mode="off", group="consent")
        with mock.patch("nova_consent.driver.open_voters", real):
            self.start_host("host1")
            self.start_host("host2")
            server = self.boot()
            self.assertEqual("completed", self.live_migrate(server, "host2"))
            self.assertFalse(started.exists())
            # The same look finds one as soon as somebody is asked.
            self.write_host_file("host1", "mode: audit\n")
            self.assertEqual("completed", self.live_migrate(server, "host1"))
            self.assertTrue(started.exists())
