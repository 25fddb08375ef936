"""nova-compute starts, or says why it does not."""

from __future__ import annotations

from unittest import mock

import nova_consent.conf
from lxml import etree
from nova.virt import driver as virt_driver
from nova_consent.conf import ConfigError

from functional.base import ConsentTestBase


class StartTest(ConsentTestBase):
    def test_a_value_out_of_range_stops_it_saying_where(self) -> None:
        error = ConfigError("/etc/nova/nova.conf:12: [consent] mode: 'enforced' is not valid")
        with mock.patch("nova_consent.driver.read_options", side_effect=error):
            # Nova hides ValueError and ImportError behind "not of type ComputeDriver" and exits.
            raised = self.assertRaises(
                ConfigError,
                virt_driver.load_compute_driver,
                None,
                "consent.ConsentLibvirtDriver",
            )
        self.assertNotIsInstance(raised, (ValueError, ImportError))
        self.assertIs(error, raised)

    def test_values_that_contradict_each_other_stop_it(self) -> None:
        self.flags(voter_deadline_s=5.0, round_deadline_s=1.0, group="consent")
        raised = self.assertRaises(
            ConfigError, virt_driver.load_compute_driver, None, "consent.ConsentLibvirtDriver"
        )
        self.assertIn("voter_deadline_s", str(raised))

    def test_guests_get_the_channel(self) -> None:
        self.start_host("host1")
        server = self.boot()
        connection = self.computes["host1"].driver._host.get_connection()
        guest = self.guest_xml(connection, server)
        names = guest.xpath("./devices/channel/target/@name")
        self.assertEqual([nova_consent.driver.CHANNEL], names)
        [channel] = guest.xpath("./devices/channel")
        self.assertEqual("unix", channel.get("type"))
        self.assertIsNone(channel.find("source"))

    def guest_xml(self, connection, server):
        driver = self.computes["host1"].driver
        from nova import context, objects

        admin = context.get_admin_context()
        with context.target_cell(admin, self.cell_mappings["cell1"]) as cell:
            instance = objects.Instance.get_by_uuid(
                cell, server["id"], expected_attrs=["flavor", "system_metadata", "numa_topology"]
            )
            image = objects.ImageMeta.from_instance(instance)
            from nova.virt.libvirt import blockinfo

            disks = blockinfo.get_disk_info("qemu", instance, image)
            config = driver._get_guest_config(instance, [], image, disks, context=cell)
        return etree.fromstring(config.to_xml())

    def test_no_worker_before_it_is_needed(self) -> None:
        from consent_core import WorkerVoters

        opened = []

        def real(options, host, uri):
            opened.append(WorkerVoters(program="/bin/false", uri=uri))
            return opened[-1]

        self.flags(mode="off", group="consent")
        with mock.patch("nova_consent.driver.open_voters", real):
            self.start_host("host1")
            self.start_host("host2")
            server = self.boot()
            self.assertEqual("completed", self.live_migrate(server, "host2"))
        self.assertEqual({None}, {voters.pid for voters in opened})


assert nova_consent.conf.OPTIONS, "patched above by its module's name"
