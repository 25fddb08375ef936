"""[consent] of nova.conf: what is taken, and how a value that is not is told."""

from __future__ import annotations

import tempfile
from pathlib import Path

import testtools
from oslo_config import cfg

from consent_core import Answer, Mode, OnError, Silence
from nova_consent.conf import (
    GROUP,
    OPTIONS,
    SCHEDULER_OPTIONS,
    ConfigError,
    SchedulerOptions,
    list_opts,
    read_options,
    read_scheduler_options,
)


class ConfTest(testtools.TestCase):
    def read(self, text: str):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "nova.conf"
        self.file.write_text(text)
        self.conf = cfg.ConfigOpts()
        self.conf(["--config-file", str(self.file)], project="nova")
        return read_options(self.conf)

    def refused(self, text: str) -> str:
        error = self.assertRaises(ConfigError, self.read, text)
        self.assertNotIsInstance(error, (ValueError, ImportError))
        return str(error)

    def test_the_first_day_is_safe(self) -> None:
        options = self.read("[DEFAULT]\n")
        self.assertIs(Mode.AUDIT, options.mode)
        self.assertIs(OnError.REFUSE, options.on_error)
        self.assertIs(Silence.REFUSE, options.silence)
        self.assertIs(Answer.CONSENT, options.accept_incoming)
        self.assertFalse(options.listed)
        self.assertIsNone(options.worker_program)
        self.assertEqual(Path("/etc/nova/consent.d/host.yaml"), options.host_file)
        numbers = (
            options.voter_deadline_s,
            options.round_deadline_s,
            options.max_rounds,
            options.migration_budget_s,
        )
        self.assertEqual((5.0, 20.0, 8, 120.0), numbers)
        self.assertIs(Silence.REFUSE, options.silence_mover)
        self.assertTrue(options.veto_all)
        self.assertEqual((100, 500), (options.veto_budget_vm, options.veto_budget_project))
        self.assertEqual((False, True), (options.opaque_to_owner, options.opaque_to_neighbours))
        self.assertEqual(SchedulerOptions(), read_scheduler_options(self.conf))

    def test_what_is_set_is_read(self) -> None:
        options = self.read(
            "[consent]\nmode = enforce\non_error = allow\nvoters = listed\nsilence = abstain\n"
            "accept_outgoing = refuse\naccept_outgoing_because = it is full\n"
            "worker_program = /opt/consent-worker\n"
        )
        self.assertIs(Mode.ENFORCE, options.mode)
        self.assertIs(OnError.ALLOW, options.on_error)
        self.assertTrue(options.listed)
        self.assertIs(Silence.ABSTAIN, options.silence)
        self.assertIs(Answer.REFUSE, options.accept_outgoing)
        self.assertEqual("it is full", options.accept_outgoing_because)
        self.assertEqual(Path("/opt/consent-worker"), options.worker_program)

    def test_groups_of_hosts_have_modes_of_their_own(self) -> None:
        options = self.read(
            "[consent]\nmode = off\nmodes = gpu-?=enforce, gpu-*=audit, rack[12]=audit\n"
        )
        for host, mode in (
            ("gpu-1", Mode.ENFORCE),
            ("gpu-10", Mode.AUDIT),
            ("rack2", Mode.AUDIT),
            ("rack3", Mode.OFF),
            ("GPU-1", Mode.OFF),
        ):
            self.assertIs(mode, options.mode_of(host), host)

    def test_the_movers_silence_is_as_the_others_unless_set(self) -> None:
        self.assertIs(Silence.ABSTAIN, self.read("[consent]\nsilence = abstain\n").silence_mover)
        options = self.read("[consent]\nsilence = abstain\nsilence_mover = refuse\n")
        self.assertIs(Silence.REFUSE, options.silence_mover)

    def test_the_scheduler_reads_its_own(self) -> None:
        self.read(
            "[consent]\ndigest_max_age_s = 300\nfilter_operations = live-migration, create\n"
            "weight_multiplier = -2\n"
        )
        self.assertEqual(
            SchedulerOptions(300, frozenset({"live-migration", "create"}), -2.0),
            read_scheduler_options(self.conf),
        )
        for line in (
            "digest_max_age_s = 0",
            "filter_operations = reboot",
            "weight_multiplier = heavy",
            "weight_multiplier = nan",
        ):
            self.read(f"[consent]\n{line}\n")
            error = self.assertRaises(ConfigError, read_scheduler_options, self.conf)
            name = line.partition(" ")[0]
            start = testtools.matchers.StartsWith(f"{self.file}:2: [consent] {name}")
            self.assertThat(str(error), start)

    def test_file_line_section_option_and_remedy_are_named(self) -> None:
        text = self.refused("[DEFAULT]\nmode = x\n[consent]\n# mode = x\nmode = enforced\n")
        self.assertThat(text, testtools.matchers.StartsWith(f"{self.file}:5: [consent] mode: "))
        self.assertIn("enforced", text)
        self.assertIn("take the line out for the default ('audit')", text)
        self.assertNotIn("LocationInfo", text)

    def test_each_bound_is_held(self) -> None:
        for line in (
            "mode = on",
            "on_error = ignore",
            "voters = all",
            "silence = consent",
            "voter_deadline_s = 0",
            "voter_deadline_s = 31",
            "voter_deadline_s = nan",
            "round_deadline_s = 31",
            "max_rounds = 0",
            "max_rounds = 17",
            "max_rounds = many",
            "grant_lifetime_s = 0",
            "grant_lifetime_s = inf",
            "migration_budget_s = -1",
            "accept_incoming = abstain",
            "accept_outgoing = maybe",
            f"accept_incoming_because = {'x' * 201}",
            "accept_outgoing_because = a\x1b[1mb",
            "modes = enforce",
            "modes = *=on",
            "modes = =audit",
            "silence_mover = consent",
            "veto = none",
            "veto_budget_vm = -1",
            "veto_budget_project = many",
            "disclose_to_owner = some",
            "disclose_to_neighbours = none",
            "host_file = host.yaml",
            "worker_program = consent-worker",
        ):
            name = line.partition(" ")[0]
            text = self.refused(f"[consent]\n{line}\n")
            self.assertThat(text, testtools.matchers.StartsWith(f"{self.file}:2: [consent] {name}"))

    def test_a_round_must_outlast_its_voters(self) -> None:
        text = self.refused("[consent]\nvoter_deadline_s = 5\nround_deadline_s = 1\n")
        self.assertIn("[consent] voter_deadline_s: 5 is more than round_deadline_s = 1", text)

    def test_every_option_explains_itself(self) -> None:
        [(group, options)] = list_opts()
        self.assertEqual((GROUP, [*OPTIONS, *SCHEDULER_OPTIONS]), (group, options))
        for option in options:
            self.assertGreater(len(option.help or ""), 40, option.name)
            if option.name in ("mode", "on_error", "voters", "silence", "silence_mover", "veto"):
                self.assertTrue(all(option.type.choices.values()), option.name)
