"""ConsentLibvirtDriver: where Nova's live migration meets the consent gate.

Nova's libvirt driver with four things added: the consent channel in guests that it starts, the gate
at the three points where a live migration can still be refused with the VM untouched, what the
scheduler's filter reads, and a trait. It adds nothing to any Nova object, so either end of a
migration may run the stock driver, and guests go on as before when this one is removed. Every
override calls Nova's own method, and nothing of ours makes one fail, save the gate's refusals. Must
not know voters or verdicts (gate.py).

Nova's order of calls, 2025.1 to 2026.2: nova/compute/manager.py,
check_can_live_migrate_destination, then check_can_live_migrate_source on the other host, then
pre_live_migration.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from typing import Any

import nova.conf
from lxml import etree
from nova.virt.libvirt import config as libvirt_config
from nova.virt.libvirt import driver as libvirt_driver
from oslo_config import cfg
from oslo_log import log as logging

from consent_core import ConsentError, Mode, Voters, WorkerVoters
from nova_consent.agents import Agents
from nova_consent.conf import Options, read_options
from nova_consent.facts import ACCEPT_INCOMING_STAT, DIGEST_STAT, MODE_STAT
from nova_consent.gate import Gate
from nova_consent.published import make_digest
from nova_consent.settings import HostSettings

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF

CHANNEL = "org.openstack.consent.0"
TRAITS = {Mode.ENFORCE: "CUSTOM_CONSENT_ENFORCE", Mode.AUDIT: "CUSTOM_CONSENT_AUDIT"}


def _is_gone(error: Exception) -> bool:
    """Whether libvirt says that there is no such domain any more."""
    code = getattr(error, "get_error_code", lambda: None)()
    return bool(code == libvirt_driver.libvirt.VIR_ERR_NO_DOMAIN)


def fit_rpc(options: Options, rpc_response_timeout_s: float, long_rpc_timeout_s: float) -> Options:
    """The options, with deadlines cut so that a round ends well before Nova stops waiting for it.

    The source's check is an RPC of rpc_response_timeout; the destination's, in which it is made,
    one of long_rpc_timeout (nova/compute/rpcapi.py, check_can_live_migrate_source and
    _destination). Part of each is left to Nova's own work. Were rounds longer, Nova would refuse
    for time-out, in audit too.
    """
    limit_s = min(rpc_response_timeout_s / 2, long_rpc_timeout_s / 3)
    if options.round_deadline_s <= limit_s:
        return options
    LOG.warning(
        "consent: [consent] round_deadline_s = %g is cut to %g, or Nova would give up its checks "
        "before their rounds end; for the whole of it set rpc_response_timeout (%g) to %g or more "
        "and long_rpc_timeout (%g) to %g or more",
        options.round_deadline_s,
        limit_s,
        rpc_response_timeout_s,
        options.round_deadline_s * 2,
        long_rpc_timeout_s,
        options.round_deadline_s * 3,
    )
    return dataclasses.replace(
        options,
        round_deadline_s=limit_s,
        voter_deadline_s=min(options.voter_deadline_s, limit_s),
    )


def open_voters(options: Options, host: str, uri: str) -> Voters:
    """Whom the gate of `host` asks: its guests, through consent-worker, which starts on first
    need.
    """
    return WorkerVoters(program=options.worker_program, uri=options.libvirt_uri or uri)


def rpc_response_timeout() -> float:
    """Nova's, in seconds; oslo.messaging registers the option with the first client."""
    try:
        return float(CONF.rpc_response_timeout)
    except cfg.NoSuchOptError:
        return 60.0


class ConsentChannel(libvirt_config.LibvirtConfigGuestChannel):  # type: ignore[misc]
    """The channel on which a guest is asked. libvirt chooses its socket, on each host anew."""

    def __init__(self) -> None:
        super().__init__()
        self.type = "unix"
        self.target_name = CHANNEL

    def format_dom(self) -> Any:
        # Nova writes a <source> with the path even when there is none, which is not XML; so it gets
        # one to write, and it is taken out again.
        self.source_path = ""
        channel = super().format_dom()
        for source in channel.findall("source"):
            channel.remove(source)
        return channel


class ConsentLibvirtDriver(libvirt_driver.LibvirtDriver):  # type: ignore[misc]
    """Nova's libvirt driver, asking before a live migration.

    :raises nova_consent.conf.ConfigError: when nova-compute starts, for a value in [consent] that
    cannot be taken
    """

    def __init__(self, virtapi: Any, read_only: bool = False) -> None:
        self._consent_options = fit_rpc(
            read_options(CONF), rpc_response_timeout(), float(CONF.long_rpc_timeout)
        )
        super().__init__(virtapi, read_only)
        self._open_gate(CONF.host)

    def _open_gate(self, host: str) -> None:
        self._consent_settings = HostSettings(self._consent_options, host=host)
        self._consent_voters = open_voters(self._consent_options, host, self._uri())
        self._consent_agents = Agents(self._consent_voters)
        self._consent_gate = Gate(
            host, self._consent_options, self._consent_settings, self._consent_voters
        )

    def init_host(self, host: str) -> None:
        self._open_gate(host)
        super().init_host(host)
        try:
            self._tell_start()
        except Exception:
            LOG.exception("consent: what holds at the start could not be told")

    def _tell_start(self) -> None:
        voters = self._consent_voters
        if isinstance(voters, WorkerVoters) and not os.access(voters.program, os.X_OK):
            LOG.error(
                "consent: %s is not there or is no program: no guest can be asked, and each "
                "migration counts as one that could not be judged (on_error); install "
                "nova-consent's wheel with its programs, or set [consent] worker_program",
                voters.program,
            )
        mode = self._consent_mode()
        LOG.info(
            "consent: mode=%s on_error=%s at the start; the host's file is %s",
            mode.value if mode else "unknown",
            self._consent_settings.stance.on_error.value,
            self._consent_options.host_file,
        )

    def cleanup_host(self, host: str) -> None:
        try:
            if isinstance(self._consent_voters, WorkerVoters):
                self._consent_voters.close()
        except Exception:
            LOG.exception("consent: consent-worker could not be ended; it ends with this process")
        super().cleanup_host(host)

    # -- guests that start --

    def _get_guest_config(self, *args: Any, **kwargs: Any) -> Any:
        guest = super()._get_guest_config(*args, **kwargs)
        # In every mode: a guest started today may be asked when the mode has changed.
        try:
            if CONF.libvirt.virt_type in ("kvm", "qemu"):
                guest.add_device(ConsentChannel())
        except Exception:
            LOG.exception("consent: a guest starts without the channel, and cannot be asked")
        return guest

    # -- the gate --

    def check_can_live_migrate_destination(
        self,
        context: Any,
        instance: Any,
        src_compute_info: Any,
        dst_compute_info: Any,
        block_migration: Any = False,
        disk_over_commit: Any = False,
    ) -> Any:
        """As Nova's; then asks who runs here.

        :raises nova.exception.MigrationPreCheckError: they refuse; what Nova's check left behind is
        taken away again
        """
        data = super().check_can_live_migrate_destination(
            context, instance, src_compute_info, dst_compute_info, block_migration, disk_over_commit
        )
        try:
            self._consent_gate.incoming(context, instance, src_compute_info)
        except Exception:
            self._clean_up_check(context, instance, data)
            raise
        return data

    def _clean_up_check(self, context: Any, instance: Any, data: Any) -> None:
        """Takes away what Nova's check left here; its manager does so only for one that passed."""
        try:
            self.cleanup_live_migration_destination_check(context, data)
        except Exception:
            # What is on its way to Nova is the refusal: nothing may take its place, not even a
            # failure of the log.
            with contextlib.suppress(Exception):
                LOG.exception("consent: a file of Nova's check was left here", instance=instance)

    def check_can_live_migrate_source(
        self, context: Any, instance: Any, dest_check_data: Any, block_device_info: Any = None
    ) -> Any:
        """As Nova's; then asks the guest that is to move, and its hypervisor.

        :raises nova.exception.MigrationPreCheckError: they refuse
        """
        data = super().check_can_live_migrate_source(
            context, instance, dest_check_data, block_device_info
        )
        self._consent_gate.outgoing(context, instance)
        return data

    def pre_live_migration(
        self,
        context: Any,
        instance: Any,
        block_device_info: Any,
        network_info: Any,
        disk_info: Any,
        migrate_data: Any,
    ) -> Any:
        """Claims the consent given at the check, or asks anew; then as Nova's.

        :raises nova.exception.MigrationPreCheckError: it is refused now. Nothing was connected here
            yet; Nova takes away what it had arranged, and leaves the VM as it is on its source
        """
        try:
            self._consent_gate.arriving(context, instance)
        except Exception:
            # Nova's manager is going to detach every volume that stands here (compute/manager.py,
            # pre_live_migration). None is connected yet, but one that is shared may be, by another
            # guest of this host: whether it is, _should_disconnect_target looks up on the source.
            with contextlib.suppress(Exception):
                block_device_info["block_device_mapping"] = []
            raise
        return super().pre_live_migration(
            context, instance, block_device_info, network_info, disk_info, migrate_data
        )

    # -- what is published --

    def get_available_resource(self, nodename: str) -> Any:
        """As Nova's, with the mode, the hypervisor's word on incoming guests, and what its voters
        have said beforehand in its stats, for ConsentFilter and ConsentWeigher.
        """
        resources = super().get_available_resource(nodename)
        # Always all, empty where there is nothing to say: Nova may keep what a driver no longer
        # mentions.
        stats = {MODE_STAT: "", ACCEPT_INCOMING_STAT: "", DIGEST_STAT: ""}
        try:
            stats.update(self._consent_stats())
            stats[DIGEST_STAT] = self._consent_digest(resources)
        except Exception:
            LOG.exception(
                "consent: the scheduler learns nothing of what would be said here; its filter will "
                "let this host pass, and the gate decides"
            )
        resources.setdefault("stats", {}).update(stats)
        return resources

    def _consent_stats(self) -> dict[str, str]:
        mode = self._consent_mode()
        if mode is None:
            # The file is bad: the mode stands, what the hypervisor would say is not known.
            return {MODE_STAT: self._consent_settings.stance.mode.value}
        policy = self._consent_settings.current()
        # Where there are rules one of them may say otherwise: the digest tells.
        plain = mode is not Mode.OFF and not policy.rules
        return {
            MODE_STAT: mode.value,
            ACCEPT_INCOMING_STAT: policy.accept_incoming.answer.value if plain else "",
        }

    def _consent_digest(self, resources: dict[str, Any]) -> str:
        if self._consent_mode() is None:
            return ""
        gate = self._consent_gate
        return make_digest(
            gate.host,
            self._consent_settings.current(),
            gate.standing,
            self._consent_agents,
            resources,
            self._consent_connected,
            gate.refusals_lately,
        )

    def _consent_connected(self) -> frozenset[str]:
        """UUIDs of the running guests whose channel libvirt shows as connected."""
        path = f"./devices/channel/target[@name='{CHANNEL}'][@state='connected']"
        found = set()
        for guest in self._host.list_guests():
            try:
                description = guest.get_xml_desc()
            except Exception as error:
                if not _is_gone(error):
                    raise
                continue
            if etree.fromstring(description).find(path) is not None:
                found.add(guest.uuid)
        return frozenset(found)

    def _consent_mode(self) -> Mode | None:
        """The mode in force; None while the host's file cannot be used (which settings.py has
        logged).
        """
        try:
            return self._consent_settings.current().mode
        except (ConsentError, OSError):
            return None

    def update_provider_tree(
        self, provider_tree: Any, nodename: str, allocations: Any = None
    ) -> None:
        """As Nova's, with a trait for the mode: CUSTOM_CONSENT_ENFORCE or CUSTOM_CONSENT_AUDIT,
        none for off.
        """
        super().update_provider_tree(provider_tree, nodename, allocations=allocations)
        try:
            mode = self._consent_mode() or self._consent_settings.stance.mode
            wanted = {trait for each, trait in TRAITS.items() if each is mode}
            provider_tree.add_traits(nodename, *wanted)
            provider_tree.remove_traits(nodename, *(set(TRAITS.values()) - wanted))
        except Exception:
            LOG.exception("consent: the trait of this host's mode could not be set")
