"""consent-nova-compute: the driver is found where Nova is installed elsewhere."""

from __future__ import annotations

import importlib
import tempfile
from pathlib import Path
from unittest import mock

import nova.virt
import testtools

import nova_consent
from nova_consent import cmd


class CmdTest(testtools.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(setattr, nova.virt, "__path__", list(nova.virt.__path__))

    def test_a_driver_beside_our_package_becomes_part_of_nova_virt(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        elsewhere = Path(folder.name)
        (elsewhere / "nova" / "virt" / "consent_elsewhere").mkdir(parents=True)
        (elsewhere / "nova/virt/consent_elsewhere/__init__.py").write_text("HERE = True\n")
        self.assertRaises(ImportError, importlib.import_module, "nova.virt.consent_elsewhere")
        init = str(elsewhere / "nova_consent" / "__init__.py")
        with mock.patch.object(nova_consent, "__file__", init):
            cmd.make_driver_known()
            cmd.make_driver_known()
        module = importlib.import_module("nova.virt.consent_elsewhere")
        self.assertTrue(module.HERE)
        self.assertEqual(1, list(nova.virt.__path__).count(str(elsewhere / "nova" / "virt")))

    def test_nova_s_own_drivers_come_first(self) -> None:
        first = nova.virt.__path__[0]
        cmd.make_driver_known()
        self.assertEqual(first, nova.virt.__path__[0])

    def test_it_runs_nova_compute(self) -> None:
        with mock.patch("nova.cmd.compute.main") as main:
            cmd.main()
        main.assert_called_once_with()
        driver = importlib.import_module("nova.virt.consent").ConsentLibvirtDriver
        self.assertEqual("nova_consent.driver", driver.__module__)
