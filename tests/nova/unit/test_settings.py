"""The host's file over nova.conf: read when it changes, and what is in force when it is bad."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from pathlib import Path
from unittest import mock

import testtools
from oslo_config import cfg

from consent_core import Answer, Mode, OnError, PolicyError, Silence, load_host_policy
from nova_consent.conf import read_options
from nova_consent.settings import HostSettings, Stance


class SettingsTest(testtools.TestCase):
    def setUp(self) -> None:
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "host.yaml"
        conf = cfg.ConfigOpts()
        conf([], project="nova")
        read_options(conf)
        conf.set_override("host_file", str(self.file), "consent")
        conf.set_override("accept_outgoing", "refuse", "consent")
        conf.set_override("accept_outgoing_because", "nova.conf says so", "consent")
        self.options = read_options(conf)
        self.load = mock.Mock(side_effect=load_host_policy)
        self.settings = HostSettings(self.options, self.load)

    def replace(self, text: str) -> None:
        """As editors do: a new file in place of the old one."""
        new = self.file.with_suffix(".new")
        new.write_text(text)
        os.replace(new, self.file)

    def test_without_a_file_nova_conf_stands(self) -> None:
        policy = self.settings.current()
        self.assertEqual((Mode.AUDIT, OnError.REFUSE), (policy.mode, policy.on_error))
        self.assertEqual("nova.conf says so", policy.accept_outgoing.because)

    def test_the_file_overrides_only_what_it_says(self) -> None:
        self.replace("mode: enforce\nvoters: listed\nsilence: abstain\n")
        policy = self.settings.current()
        self.assertIs(Mode.ENFORCE, policy.mode)
        self.assertIs(OnError.REFUSE, policy.on_error)
        self.assertIs(Silence.ABSTAIN, policy.silence)
        self.assertTrue(policy.listed)
        self.assertIs(Answer.REFUSE, policy.accept_outgoing.answer)
        self.replace("accept_outgoing: consent\n")
        policy = self.settings.current()
        self.assertIs(Answer.CONSENT, policy.accept_outgoing.answer)
        self.assertEqual("", policy.accept_outgoing.because)
        self.assertIs(Mode.AUDIT, policy.mode)

    def test_it_is_read_only_when_it_changes(self) -> None:
        self.replace("mode: enforce\n")
        for _ in range(5):
            self.settings.current()
        self.assertEqual(1, self.load.call_count)

    def test_a_file_of_the_same_size_is_another_file(self) -> None:
        self.replace("mode: audit  \n")
        stamp = os.stat(self.file).st_mtime_ns
        self.settings.current()
        self.replace("mode: enforce\n")
        os.utime(self.file, ns=(stamp, stamp))
        self.assertIs(Mode.ENFORCE, self.settings.current().mode)

    def test_a_bad_file_is_told_once_and_raised_each_time(self) -> None:
        self.replace("mode: enforce\n")
        self.settings.current()
        self.replace("mode: enforce\nsilnce: refuse\n")
        with self.assertLogs("nova_consent.settings", "ERROR") as logs:
            for _ in range(3):
                error = self.assertRaises(PolicyError, self.settings.current)
                self.assertEqual((2, "silnce"), (error.line, error.field))
        self.assertEqual(1, len(logs.records))
        self.assertIn(f"{self.file}:2:", logs.output[0])
        self.assertEqual(Stance(Mode.ENFORCE, OnError.REFUSE), self.settings.stance)

    def test_a_bad_file_at_the_start_leaves_nova_conf_s_mode(self) -> None:
        self.replace("mode: everything\n")
        self.assertRaises(PolicyError, self.settings.current)
        self.assertEqual(Stance(Mode.AUDIT, OnError.REFUSE), self.settings.stance)

    def test_each_reading_has_its_version(self) -> None:
        before = self.settings.current().version
        self.assertEqual(before, self.settings.current().version)
        self.replace("mode: audit\n")
        self.assertNotEqual(before, self.settings.current().version)

    def test_a_file_that_it_includes_is_read_when_it_changes(self) -> None:
        other = self.file.with_name("more.yaml")
        other.write_text("rules: [{name: a, answer: consent}]\n")
        self.replace("include: [more.yaml]\n")
        self.assertEqual(1, len(self.settings.current().rules))
        self.settings.current()
        self.assertEqual(1, self.load.call_count)
        other.write_text("rules: [{name: a, answer: consent}, {name: b, answer: refuse}]\n")
        self.assertEqual(2, len(self.settings.current().rules))
        other.unlink()
        self.assertRaises(PolicyError, self.settings.current)
        other.write_text("")
        self.settings.current()

    def test_modes_by_pattern_stand_below_the_file(self) -> None:
        options = dataclasses.replace(self.options, modes=(("host*", Mode.ENFORCE),))
        for host, mode in (("host1", Mode.ENFORCE), ("other", Mode.AUDIT)):
            settings = HostSettings(options, self.load, host)
            self.assertIs(mode, settings.stance.mode)
            self.assertIs(mode, settings.current().mode)
        self.replace("mode: 'off'\n")
        self.assertIs(Mode.OFF, settings.current().mode)

    def test_what_the_file_says_of_vetoes_and_silence(self) -> None:
        policy = self.settings.current()
        self.assertEqual((True, frozenset()), (policy.veto_all, policy.veto))
        self.replace("veto: [aaaa]\nsilence: {mover: abstain}\n")
        policy = self.settings.current()
        self.assertEqual((False, frozenset({"aaaa"})), (policy.veto_all, policy.veto))
        self.assertEqual((Silence.REFUSE, Silence.ABSTAIN), (policy.silence, policy.silence_mover))

    def test_mended_or_taken_away_it_is_well_again(self) -> None:
        for mend in (lambda: self.replace("mode: enforce\n"), self.file.unlink):
            self.replace("mode: [\n")
            self.assertRaises(PolicyError, self.settings.current)
            mend()
            self.settings.current()
        self.assertIs(Mode.AUDIT, self.settings.current().mode)

    def test_a_folder_that_cannot_be_looked_into_is_told(self) -> None:
        with mock.patch("os.stat", side_effect=PermissionError("no")):
            self.assertRaises(PermissionError, self.settings.current)
