"""ConsentFilter by itself: what it reads, and that nothing leaves it."""

from __future__ import annotations

from types import SimpleNamespace
from unittest import mock

from nova import context, objects, test
from nova.exception import InstanceNotFound

from nova_consent.filters import ConsentFilter

REFUSES = {"consent_mode": "enforce", "consent_accept_incoming": "refuse"}


def host(name: str, stats=None) -> SimpleNamespace:
    return SimpleNamespace(host=name, stats=stats)


class FilterTest(test.NoDBTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.hosts = [host("a", REFUSES), host("b", {}), host("c", None), SimpleNamespace(host="d")]
        cell = objects.CellMapping(
            uuid="44444444-4444-4444-8444-444444444444",
            database_connection="sqlite://",
            transport_url="fake:///",
        )
        self.spec = objects.RequestSpec(
            context.RequestContext("u", "p", request_id="req-7"),
            instance_uuid="55555555-5555-4555-8555-555555555555",
            requested_destination=objects.Destination(cell=cell),
            scheduler_hints={},
        )
        patch = mock.patch.object(objects.InstanceAction, "get_by_request_id")
        self.read = patch.start()
        self.addCleanup(patch.stop)
        self.action("live-migration")

    def action(self, name: str | None) -> None:
        """The action under way, as the database tells it; None: it knows none."""
        self.read.return_value = None if name is None else SimpleNamespace(action=name)

    def passing(self, hosts=None) -> list[str]:
        hosts = self.hosts if hosts is None else hosts
        return [each.host for each in ConsentFilter().filter_all(hosts, self.spec)]

    def test_a_live_migration_loses_the_host_at_one_read(self) -> None:
        self.assertEqual(["b", "c", "d"], self.passing(iter(self.hosts)))
        self.read.assert_called_once_with(mock.ANY, self.spec.instance_uuid, "req-7")

    def test_no_host_refuses_no_read(self) -> None:
        self.assertEqual(["b", "c", "d"], self.passing(self.hosts[1:]))
        self.assertEqual([], self.passing([]))
        self.read.assert_not_called()

    def test_only_both_words_together_drop_a_host(self) -> None:
        for stats in (
            {"consent_mode": "audit", "consent_accept_incoming": "refuse"},
            {"consent_mode": "off", "consent_accept_incoming": "refuse"},
            {"consent_mode": "", "consent_accept_incoming": "refuse"},
            {"consent_mode": "enforce", "consent_accept_incoming": "consent"},
            {"consent_mode": "enforce", "consent_accept_incoming": ""},
            {"consent_mode": "enforce", "consent_accept_incoming": None},
            {"consent_mode": "enforce"},
        ):
            self.assertEqual(["x"], self.passing([host("x", stats)]), stats)

    def test_other_operations_pass(self) -> None:
        for action in ("migrate", "resize", "evacuate", "unshelve", "create", None):
            self.action(action)
            self.assertEqual(["a", "b", "c", "d"], self.passing(), action)

    def test_a_boot_passes_without_a_read(self) -> None:
        for destination in (None, objects.Destination(host="a")):
            self.spec.requested_destination = destination
            self.assertEqual(4, len(self.passing()))
        self.read.assert_not_called()

    def test_a_rebuild_passes_without_a_read(self) -> None:
        self.spec.scheduler_hints = {"_nova_check_type": ["rebuild"]}
        self.assertEqual(4, len(self.passing()))
        self.read.assert_not_called()

    def test_every_error_passes(self) -> None:
        for error in (MemoryError(), InstanceNotFound(instance_id="x"), RuntimeError(), KeyError()):
            self.read.side_effect = error
            self.assertEqual(["a", "b", "c", "d"], self.passing())
        with mock.patch("nova_consent.filters.LOG") as log:
            log.exception.side_effect = OSError("no space left on device")
            self.assertEqual(["a", "b", "c", "d"], self.passing())

    def test_a_spec_that_is_none_passes(self) -> None:
        self.assertEqual(4, len(ConsentFilter().filter_all(self.hosts, None)))
