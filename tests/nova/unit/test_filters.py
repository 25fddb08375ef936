"""ConsentFilter and ConsentWeigher by themselves: what they read, and that nothing leaves them."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from unittest import mock

import nova.conf
from nova import context, objects, test
from nova.exception import InstanceNotFound
from nova.weights import WeighedObject as WeighedHost

from consent_core import DigestVoter, Mode, RuleSet, Source, StandingPolicy, VoterKind, write_digest
from nova_consent.conf import ConfigError, SchedulerOptions, read_scheduler_options
from nova_consent.filters import ConsentFilter
from nova_consent.forecast import FORECASTER
from nova_consent.weighers import ConsentWeigher

REFUSES = {"consent_mode": "enforce", "consent_accept_incoming": "refuse"}


def host(name: str, stats=None) -> SimpleNamespace:
    return SimpleNamespace(host=name, nodename="", stats=stats)


class FilterCase(test.NoDBTestCase):
    """Four hosts and a request for a live migration."""

    def setUp(self) -> None:
        super().setUp()
        read_scheduler_options(nova.conf.CONF)
        self.hosts = [
            host("a", REFUSES),
            host("b", {}),
            host("c", None),
            SimpleNamespace(host="d", nodename=""),
        ]
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
            project_id="p",
            flavor=objects.Flavor(name="f", vcpus=2, memory_mb=96, extra_specs={}),
            ignore_hosts=["host1"],
        )
        FORECASTER.weighed = False
        self.addCleanup(setattr, FORECASTER, "weighed", False)
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


class FilterTest(FilterCase):
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


class DigestTest(FilterCase):
    """Hosts that publish digests."""

    NOW = 1_800_000_000

    def setUp(self) -> None:
        super().setUp()
        ConsentWeigher()  # as the scheduler makes it, when it starts
        patch = mock.patch("nova_consent.forecast.time.time", return_value=self.NOW)
        patch.start()
        self.addCleanup(patch.stop)
        self.hosts = [
            self.host("consents", rules="[{name: a, answer: consent}]"),
            self.host(
                "big",
                rules="[{name: big, when: {guest.vcpus: '>= 8'}, answer: refuse, because: full}]",
            ),
            self.host("asks", answers=3),
            host("silent", {}),
        ]

    def host(
        self, name: str, mode=Mode.ENFORCE, rules="", at=NOW, answers=0, refusals=0
    ) -> SimpleNamespace:
        """A host with one neighbour that has said `rules`, and some that would be asked."""
        voters = [
            DigestVoter(VoterKind.NEIGHBOUR, StandingPolicy(()), {}, True) for _ in range(answers)
        ]
        if rules:
            sources = [(Source.FLAVOR, "flavor f", RuleSet.parse(rules, "f"))]
            voters.append(DigestVoter(VoterKind.NEIGHBOUR, StandingPolicy(sources), {}, False))
        digest = write_digest(mode, at, voters, refusals=refusals)
        return host(name, {"consent_mode": mode.value, "consent_digest": digest})

    def weights(self, hosts=None) -> dict[str, float]:
        """What ConsentWeigher gives hosts that have passed, by their names."""
        weigher = ConsentWeigher()
        weighed = [WeighedHost(each, 0.0) for each in hosts or self.hosts]
        return dict(
            zip(
                [w.obj.host for w in weighed],
                weigher.weigh_objects(weighed, self.spec),
                strict=True,
            )
        )

    def test_only_who_is_certain_to_refuse_is_dropped_at_one_read(self) -> None:
        self.assertEqual(["consents", "big", "asks", "silent"], self.passing())
        self.spec.flavor.vcpus = 8
        self.read.reset_mock()
        self.assertEqual(["consents", "asks", "silent"], self.passing())
        self.read.assert_called_once()

    def test_in_audit_and_off_nobody_is_dropped(self) -> None:
        for mode in (Mode.AUDIT, Mode.OFF):
            there = self.host("x", mode, "[{name: a, answer: refuse}]")
            self.assertEqual(["x"], self.passing([there]))

    def test_what_cannot_be_used_passes_and_is_told_once(self) -> None:
        refuse = "[{name: a, answer: refuse}]"
        good = self.host("x", rules=refuse).stats["consent_digest"]
        for what, digest in (
            ("old", self.host("x", rules=refuse, at=self.NOW - 121).stats["consent_digest"]),
            (
                "of the future",
                self.host("x", rules=refuse, at=self.NOW + 121).stats["consent_digest"],
            ),
            ("damaged", good[:-3] + "abc"),
            ("cut", good[: len(good) // 2]),
            ("something else", "{}"),
        ):
            FORECASTER._told.clear()
            before = FORECASTER.unusable
            there = host("x", {"consent_mode": "enforce", "consent_digest": digest})
            with mock.patch("nova_consent.forecast.LOG") as log:
                for _ in range(3):
                    self.assertEqual(["x"], self.passing([there]), what)
            self.assertEqual(1, log.warning.call_count, what)
            self.assertEqual(before + 3, FORECASTER.unusable, what)
        fresh = self.host("x", rules=refuse, at=self.NOW - 119)
        self.assertEqual([], self.passing([fresh]))

    def test_when_nobody_is_left_each_host_is_named_with_its_reason(self) -> None:
        self.spec.flavor.vcpus = 8
        refusing = [self.hosts[1], host("accepts nobody", REFUSES)]
        with self.assertLogs("nova_consent.filters", "INFO") as logs:
            self.assertEqual([], self.passing(refusing))
        [big, nobody, all_] = logs.output
        self.assertIn("big is left out", big)
        self.assertIn("full", big)
        self.assertIn("accepts nobody is left out: its hypervisor accepts no guests", nobody)
        self.assertIn("2 of 2 hosts", all_)

    def test_the_source_is_known_of_a_live_migration_only(self) -> None:
        rule = "[{name: a, when: {source.host: s== host1}, answer: refuse}]"
        there = [self.host("x", rules=rule)]
        self.spec.ignore_hosts = ["host1", "host7"]
        self.assertEqual([], self.passing(there))
        self.spec.ignore_hosts = ["host7", "host1"]
        self.assertEqual(["x"], self.passing(there))

    def test_other_operations_only_where_configured(self) -> None:
        there = [self.host("x", rules="[{name: a, answer: refuse}]")]
        for action in ("migrate", "resize", "evacuate", "unshelve"):
            self.action(action)
            self.assertEqual(["x"], self.passing(there), action)
            with self.options(operations=frozenset({action})):
                self.assertEqual([], self.passing(there), action)
                # Its plain word is about live migrations.
                self.assertEqual(["y"], self.passing([host("y", REFUSES)]))
        self.spec.requested_destination = None
        self.read.reset_mock()
        with self.options(operations=frozenset({"create"})):
            self.assertEqual([], self.passing(there))
        self.assertEqual(["x"], self.passing(there))
        self.read.assert_not_called()

    def options(self, **more):
        changed = dataclasses.replace(SchedulerOptions(), **more)
        return mock.patch.object(FORECASTER, "options", return_value=changed)

    def test_options_that_are_wrong_are_told_and_the_defaults_hold(self) -> None:
        self.flags(filter_operations=["live-migration"], group="consent")
        FORECASTER._options = None
        error = ConfigError("nova.conf:3: [consent] digest_max_age_s: no")
        with (
            mock.patch("nova_consent.forecast.read_scheduler_options", side_effect=error),
            mock.patch("nova_consent.forecast.LOG") as log,
        ):
            self.assertEqual(4, len(self.passing()))
            log.error.assert_called_once()

    def test_the_weighers_order(self) -> None:
        hosts = [
            self.host("asks 3", answers=3),
            self.host("consents, refused often", rules="[{name: a, answer: consent}]", refusals=5),
            self.host("asks 1", answers=1),
            host("silent", {}),
            self.host("consents", rules="[{name: a, answer: consent}]"),
            self.host("refuses, in audit", Mode.AUDIT, "[{name: a, answer: refuse}]"),
        ]
        self.assertEqual(6, len(self.passing(hosts)))
        weights = self.weights(hosts)
        order = sorted(weights, key=lambda name: -weights[name])
        self.assertEqual(
            [
                "consents",
                "consents, refused often",
                "silent",
                "asks 1",
                "asks 3",
                "refuses, in audit",
            ],
            order,
        )
        self.assertEqual((1.0, 0.0), (weights["consents"], weights["refuses, in audit"]))

    def test_the_weigher_reads_no_database_and_never_raises(self) -> None:
        self.assertEqual({0.0}, set(self.weights().values()))  # no forecast for this request
        self.passing()
        self.read.reset_mock()
        self.assertEqual(1.0, self.weights()["consents"])
        self.read.assert_not_called()
        self.assertEqual([0.0], ConsentWeigher().weigh_objects([None], self.spec))
        self.assertEqual([0.0], ConsentWeigher().weigh_objects([WeighedHost(None, 0.0)], None))
        self.action("resize")
        self.passing()
        self.assertEqual({0.0}, set(self.weights().values()))

    def test_the_multiplier_is_the_options_or_the_aggregates(self) -> None:
        weigher = ConsentWeigher()
        aggregate = SimpleNamespace(metadata={"consent_weight_multiplier": "4"})
        for expected, aggregates in ((2.5, []), (4.0, [aggregate])):
            there = SimpleNamespace(aggregates=aggregates)
            with self.options(weight_multiplier=2.5):
                self.assertEqual(expected, weigher.weight_multiplier(there))
        with self.options(weight_multiplier=2.5):
            self.assertEqual(2.5, weigher.weight_multiplier(None))

    def test_every_error_passes_and_weighs_nothing(self) -> None:
        self.spec.flavor.vcpus = 8
        for target in ("_judge", "_operation", "_batch", "options"):
            with mock.patch.object(FORECASTER, target, side_effect=MemoryError):
                self.assertEqual(4, len(self.passing()), target)
                self.assertEqual({0.0}, set(self.weights().values()), target)

    def test_a_forecast_is_of_one_request(self) -> None:
        self.passing()
        other = self.spec.obj_clone()
        other._context = context.RequestContext("u", "p", request_id="req-8")
        weighed = [WeighedHost(each, 0.0) for each in self.hosts]
        self.assertEqual([0.0] * 4, ConsentWeigher().weigh_objects(weighed, other))
        self.assertLessEqual(len(FORECASTER._latest), 64)
