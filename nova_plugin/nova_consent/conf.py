"""The [consent] options of nova.conf, and their reading into one value that cannot be wrong any
more.

Must not know Nova, nor the host's file (settings.py). Read once, when nova-compute starts, and the
scheduler's few when it first needs them: on Nova 2026.2 SIGHUP ends nova-compute, so what an operator
changes while it runs stands in the host's file instead.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from oslo_config import cfg

from consent_core import Answer, Mode, OnError, Silence

GROUP = "consent"
MAX_BECAUSE = 200
"""Characters of a reason: as many as a guest may use (consent::wire::max_because)."""

OPERATIONS = ("live-migration", "migrate", "resize", "evacuate", "unshelve", "create")
"""Words of Nova's instance actions (nova/compute/instance_actions.py) for which hosts are chosen."""

_ANSWERS = [
    ("consent", "This host takes part."),
    ("refuse", "This host refuses every live migration in this direction, in enforce."),
]


def _prose(text: str) -> str:
    """Paragraphs without line breaks of their own: oslo-config-generator breaks lines itself."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        "mode",
        default="audit",
        choices=[
            ("off", "Nobody is asked and consent-worker is not started."),
            ("audit", "Everybody is asked and the verdict is logged; no migration is refused."),
            ("enforce", "Everybody is asked, and a migration that is refused does not take place."),
        ],
        help=_prose(
            """
What is made of the verdicts of rounds on this host.

Start with ``audit``: the log says what ``enforce`` would have refused. The host's file
(``host_file``) overrides this at once, without a restart.
"""
        ),
    ),
    cfg.ListOpt(
        "modes",
        default=[],
        help=_prose(
            """
Modes of groups of hosts: a list of ``PATTERN=MODE``. The first pattern that the host's name matches
counts (shell wildcards: ``*``, ``?``, ``[...]``); on a host that none matches ``mode`` does.

For one nova.conf that serves all hosts: ``modes = gpu-*=enforce, test-*=off``. The host's file
overrides it.
"""
        ),
    ),
    cfg.StrOpt(
        "on_error",
        default="refuse",
        choices=[
            ("refuse", "A migration that could not be judged is refused."),
            ("allow", "A migration that could not be judged is let through."),
        ],
        help=_prose(
            """
What a failure of our own means in mode ``enforce``: consent-worker died, libvirt does not
answer, the host's file cannot be read.

A voter's silence is not such a failure: see ``silence``. In ``audit`` and ``off`` no failure
refuses anything.
"""
        ),
    ),
    cfg.StrOpt(
        "voters",
        default="connected",
        choices=[
            ("connected", "Every guest in which an agent has the consent channel open."),
            ("listed", "Of those, only guests that the operator named."),
        ],
        help=_prose(
            """
Which guests of this host are asked.

``listed``: those whose flavor had the extra spec ``consent:voter=yes`` when they were created, and
those named under ``listed:`` in the host's file. Nothing that a tenant can set makes a guest
listed. A guest without an agent is never asked; what was said for it beforehand counts.
"""
        ),
    ),
    cfg.StrOpt(
        "silence",
        default="refuse",
        choices=[
            ("refuse", "A guest that was asked and stayed silent has not consented."),
            ("abstain", "A guest that was asked and stayed silent has no vote."),
        ],
        help="What it means when a guest that is asked does not answer within its deadline.",
    ),
    cfg.StrOpt(
        "silence_mover",
        choices=[
            ("refuse", "A guest that is to move and stayed silent has not consented."),
            ("abstain", "A guest that is to move and stayed silent has no vote."),
        ],
        help="The same for the guest that is to move. Not set: as ``silence``.",
    ),
    cfg.StrOpt(
        "veto",
        default="all",
        choices=[
            ("all", "Every guest's own refusal counts."),
            ("entitled", "Only those of guests that the operator entitled; others are recorded."),
        ],
        help=_prose(
            """
Whose own refusals count, said beforehand (image, metadata, agent) or when asked.

``entitled``: of guests whose flavor had the extra spec ``consent:veto=yes`` when they were created,
and of those whose UUID or project stands under ``veto:`` in the host's file. Such a list there means
``entitled`` on that host. What the operator says, in rules of host and flavor and by
``accept_incoming`` and ``accept_outgoing``, counts always.
"""
        ),
    ),
    cfg.IntOpt(
        "veto_budget_vm",
        default=100,
        min=0,
        max=1000000,
        help=_prose(
            """
How many refusals of one guest count on this host in 24 hours, its silence included where silence
refuses. Those beyond are recorded and decide nothing. 0: no limit.

Kept in memory: it begins anew when nova-compute starts.
"""
        ),
    ),
    cfg.IntOpt(
        "veto_budget_project",
        default=500,
        min=0,
        max=1000000,
        help="The same for all guests of one project together. 0: no limit.",
    ),
    cfg.StrOpt(
        "disclose_to_owner",
        default="full",
        choices=[
            ("full", "Who refused, and why, in the refusal that Nova keeps with the server."),
            ("opaque", "That it was not consented to, and a reference that the log explains."),
        ],
        help=_prose(
            """
What a refusal tells whoever may read the server's faults and events.

``opaque``: one text, whoever refused, for whatever reason, a failure of our own included; the
reference in it is the round's id in nova-compute's log. How long a refusal took may still tell
something.
"""
        ),
    ),
    cfg.StrOpt(
        "disclose_to_neighbours",
        default="opaque",
        choices=[
            ("opaque", "Another project's guest sees a pseudonym of its own instead of the UUID."),
            ("full", "Every guest that is asked sees the UUID of the guest that is to move."),
        ],
        help=_prose(
            """
What a guest that is asked learns of a guest of another project that is to move.

Hosts' names are told to no guest, only hashes that differ from project to project.
"""
        ),
    ),
    cfg.FloatOpt(
        "voter_deadline_s",
        default=5.0,
        min=0.05,
        max=30.0,
        help=_prose(
            """
How long a guest has to answer, in seconds from when it is asked. At most ``round_deadline_s``.

A guest that missed it is asked, but not waited for, during the next 60 seconds.
"""
        ),
    ),
    cfg.FloatOpt(
        "round_deadline_s",
        default=20.0,
        min=0.05,
        max=30.0,
        help=_prose(
            """
How long a round takes at most, in seconds, waiting for a free place (``max_rounds``) included.

A live migration is checked on its destination, on its source and once more when it starts: each of
these waits at most this long, plus half a second after which consent-worker counts as stuck. Keep
it well below Nova's ``rpc_response_timeout``.
"""
        ),
    ),
    cfg.IntOpt(
        "max_rounds",
        default=8,
        min=1,
        max=16,
        help=_prose(
            """
How many rounds run at once on this host; more wait for a place within their own deadline.

Where nova-compute runs on eventlet a round takes one of its native threads (20 by default), which
libvirt calls need too.
"""
        ),
    ),
    cfg.FloatOpt(
        "grant_lifetime_s",
        default=60.0,
        min=0.05,
        max=3600.0,
        help=_prose(
            """
How long a consent given at the check stays good until the migration starts, in seconds.

A migration that starts later, having waited in the source's queue for instance, is not failed for
that: its voters are asked anew when it starts.
"""
        ),
    ),
    cfg.FloatOpt(
        "migration_budget_s",
        default=120.0,
        min=1.0,
        max=86400.0,
        help=_prose(
            """
How long Nova may look for a host that agrees, in seconds since the migration was requested.

After that, hosts refuse at once, saying so, and the search ends. Time spent in the source's queue,
when a host was found, does not count.
"""
        ),
    ),
    cfg.StrOpt(
        "accept_incoming",
        default="consent",
        choices=_ANSWERS,
        help=_prose(
            """
The hypervisor's own voice on guests that are to come here by live migration, where no rule of the
host's file decides.

It is published, so that the scheduler's ConsentFilter spares this host. The host's file overrides
it.
"""
        ),
    ),
    cfg.StrOpt(
        "accept_incoming_because",
        default="",
        max_length=MAX_BECAUSE,
        help="Why, in words for the admin whose migration is refused. At most 200 characters.",
    ),
    cfg.StrOpt(
        "accept_outgoing",
        default="consent",
        choices=_ANSWERS,
        help=_prose(
            """
The hypervisor's own voice on guests that are to leave by live migration, where no rule of the
host's file decides.

The host's file overrides it.
"""
        ),
    ),
    cfg.StrOpt(
        "accept_outgoing_because",
        default="",
        max_length=MAX_BECAUSE,
        help="Why, in words for the admin whose migration is refused. At most 200 characters.",
    ),
    cfg.StrOpt(
        "host_file",
        default="/etc/nova/consent.d/host.yaml",
        help=_prose(
            """
The host's file (YAML), which overrides ``mode``, ``on_error``, ``voters``, ``silence``, ``veto``,
``accept_incoming`` and ``accept_outgoing``, and may hold rules and list guests that vote.

It and the files that it includes are read anew whenever they change: nothing is restarted and no
signal is sent. It need not exist. A file that cannot be used is logged with line, field and remedy
and counts as a failure of our own (``on_error``); mode and on_error stay what they were.
"""
        ),
    ),
    cfg.StrOpt(
        "libvirt_uri",
        default="",
        help=_prose(
            """
The libvirt that consent-worker connects to, with write access. Empty: the one that Nova's libvirt
driver uses (``[libvirt] connection_uri``).
"""
        ),
    ),
    cfg.StrOpt(
        "worker_program",
        default="",
        help=_prose(
            """
Absolute path of the program consent-worker. Empty: the one installed with this package.
"""
        ),
    ),
]

SCHEDULER_OPTIONS: list[cfg.Opt] = [
    cfg.IntOpt(
        "digest_max_age_s",
        default=120,
        min=1,
        max=86400,
        help=_prose(
            """
For nova-scheduler: how old a host's digest may be, in seconds, to be judged by. Hosts write one each
time they report their resources (``update_resources_interval``, 60 s by default).

An older one, or one from as far in the future, says nothing: the host passes and its gate decides.
"""
        ),
    ),
    cfg.ListOpt(
        "filter_operations",
        default=["live-migration"],
        item_type=cfg.types.String(choices=OPERATIONS),
        help=_prose(
            """
For nova-scheduler: the operations that ConsentFilter and ConsentWeigher judge.

Others than live-migration are judged by what hosts published alone: their gates ask before live
migrations only. With ``create`` a host's rules may keep servers from starting there, with
``evacuate`` from being rescued there.
"""
        ),
    ),
    cfg.FloatOpt(
        "weight_multiplier",
        default=1.0,
        help=_prose(
            """
For nova-scheduler: how much ConsentWeigher counts beside Nova's other weighers. Negative: it prefers
hosts that would not agree. 0: it counts for nothing.

An aggregate's metadata ``consent_weight_multiplier`` overrides it for the aggregate's hosts.
"""
        ),
    ),
]


class ConfigError(Exception):
    """A value in nova.conf that cannot be taken. Its text: FILE:LINE: [consent] OPTION: what is
    wrong; the remedy.

    Neither a ValueError nor an ImportError: nova.virt.driver.load_compute_driver() turns those into
    a misleading message about the driver's type (Nova 2025.1 to 2026.2) and nova-compute would stop
    without saying why.
    """


@dataclasses.dataclass(frozen=True)
class Options:
    """[consent] of nova.conf, checked. Seconds are positive; see OPTIONS for the ranges."""

    mode: Mode
    modes: tuple[tuple[str, Mode], ...]
    """Patterns of host names and the modes there; the first that matches counts."""
    on_error: OnError
    listed: bool
    silence: Silence
    silence_mover: Silence
    veto_all: bool
    veto_budget_vm: int
    veto_budget_project: int
    opaque_to_owner: bool
    opaque_to_neighbours: bool
    voter_deadline_s: float
    round_deadline_s: float
    max_rounds: int
    grant_lifetime_s: float
    migration_budget_s: float
    accept_incoming: Answer
    accept_incoming_because: str
    accept_outgoing: Answer
    accept_outgoing_because: str
    host_file: Path
    libvirt_uri: str
    worker_program: Path | None

    def mode_of(self, host: str) -> Mode:
        """The mode that nova.conf gives a host of that name."""
        matching = (mode for pattern, mode in self.modes if fnmatch.fnmatchcase(host, pattern))
        return next(matching, self.mode)


@dataclasses.dataclass(frozen=True)
class SchedulerOptions:
    """What of [consent] the scheduler reads. See SCHEDULER_OPTIONS."""

    digest_max_age_s: int = 120
    operations: frozenset[str] = frozenset({"live-migration"})
    weight_multiplier: float = 1.0


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """For oslo-config-generator: the entry point oslo.config.opts, namespace nova_consent."""
    return [(GROUP, [*OPTIONS, *SCHEDULER_OPTIONS])]


def read_options(conf: cfg.ConfigOpts) -> Options:
    """Registers the options on `conf` (nova.conf.CONF) and reads them all.

    :raises ConfigError: at the first value that cannot be taken; nothing is kept of the others
    """
    values = _read(conf, OPTIONS)
    modes = tuple(_host_mode(conf, item) for item in values["modes"])
    for name in ("voter_deadline_s", "round_deadline_s", "grant_lifetime_s", "migration_budget_s"):
        if not values[name] < float("inf"):  # nan passes oslo.config's own bounds
            raise _config_error(conf, _option(name), "must be a number of seconds")
    if values["voter_deadline_s"] > values["round_deadline_s"]:
        problem = (
            f"{values['voter_deadline_s']:g} is more than round_deadline_s = "
            f"{values['round_deadline_s']:g}: a round would end before its voters need answer"
        )
        raise _config_error(conf, _option("voter_deadline_s"), problem)
    for name in ("accept_incoming_because", "accept_outgoing_because"):
        if not values[name].isprintable():
            raise _config_error(conf, _option(name), "holds characters that cannot be printed")
    for name in ("host_file", "worker_program"):
        if values[name] and not Path(values[name]).is_absolute():
            raise _config_error(conf, _option(name), f"{values[name]!r} is not an absolute path")

    return Options(
        mode=Mode(values["mode"]),
        modes=modes,
        on_error=OnError(values["on_error"]),
        listed=values["voters"] == "listed",
        silence=Silence(values["silence"]),
        silence_mover=Silence(values["silence_mover"] or values["silence"]),
        veto_all=values["veto"] == "all",
        veto_budget_vm=values["veto_budget_vm"],
        veto_budget_project=values["veto_budget_project"],
        opaque_to_owner=values["disclose_to_owner"] == "opaque",
        opaque_to_neighbours=values["disclose_to_neighbours"] == "opaque",
        voter_deadline_s=values["voter_deadline_s"],
        round_deadline_s=values["round_deadline_s"],
        max_rounds=values["max_rounds"],
        grant_lifetime_s=values["grant_lifetime_s"],
        migration_budget_s=values["migration_budget_s"],
        accept_incoming=Answer(values["accept_incoming"]),
        accept_incoming_because=values["accept_incoming_because"],
        accept_outgoing=Answer(values["accept_outgoing"]),
        accept_outgoing_because=values["accept_outgoing_because"],
        host_file=Path(values["host_file"]),
        libvirt_uri=values["libvirt_uri"],
        worker_program=Path(values["worker_program"]) if values["worker_program"] else None,
    )


def read_scheduler_options(conf: cfg.ConfigOpts) -> SchedulerOptions:
    """Registers the scheduler's options on `conf` (nova.conf.CONF) and reads them.

    :raises ConfigError: at the first value that cannot be taken
    """
    values = _read(conf, SCHEDULER_OPTIONS)
    multiplier = values["weight_multiplier"]
    if not abs(multiplier) < float("inf"):
        raise _config_error(conf, _option("weight_multiplier"), "must be a number")
    return SchedulerOptions(
        digest_max_age_s=values["digest_max_age_s"],
        operations=frozenset(values["filter_operations"]),
        weight_multiplier=multiplier,
    )


def _read(conf: cfg.ConfigOpts, options: list[cfg.Opt]) -> dict[str, Any]:
    conf.register_opts(options, GROUP)
    values: dict[str, Any] = {}
    for option in options:
        try:
            values[option.name] = conf[GROUP][option.name]
        except ValueError as error:
            raise _config_error(conf, option, _problem(error)) from None
    return values


def _host_mode(conf: cfg.ConfigOpts, item: str) -> tuple[str, Mode]:
    pattern, _, word = item.rpartition("=")
    words = [mode.value for mode in Mode]
    if not pattern.strip() or word.strip() not in words:
        problem = f"{item!r} is no PATTERN=MODE with a MODE of {', '.join(words)}"
        raise _config_error(conf, _option("modes"), problem)
    return pattern.strip(), Mode(word.strip())


def _option(name: str) -> cfg.Opt:
    options = [*OPTIONS, *SCHEDULER_OPTIONS]
    return next(option for option in options if option.name == name)


def _problem(error: ValueError) -> str:
    # oslo.config: "Value for option X from LocationInfo(...) is not valid: WHAT". Only WHAT is for
    # people, and nothing hangs on finding it: the whole is right too.
    return re.sub(r"^Value for option .* is not valid: ", "", str(error))


def _config_error(conf: cfg.ConfigOpts, option: cfg.Opt, problem: str) -> ConfigError:
    remedy = f"mend it or take the line out for the default ({option.default!r})"
    return ConfigError(f"{_place(conf, option.name)}: [{GROUP}] {option.name}: {problem}; {remedy}")


def _place(conf: cfg.ConfigOpts, name: str) -> str:
    # oslo.config will not tell where a value that it refuses was set. One that knows the option as
    # mere text will.
    files = list(conf.config_file or [])
    folders = [folder for folder in conf.config_dir or [] if Path(folder).is_dir()]
    plain = cfg.ConfigOpts()
    try:
        plain([], default_config_files=files, default_config_dirs=folders)
        plain.register_opt(cfg.StrOpt(name), GROUP)
        location = plain.get_location(name, GROUP)
        place = location.detail if location else ""
        line = _line_of(Path(place).read_text("utf-8", "replace").splitlines(), name)
    except (OSError, cfg.Error):
        return "nova.conf"
    return f"{place}:{line}" if line else str(place)


def _line_of(lines: Iterable[str], name: str) -> int:
    """The line, from 1, that sets the option (the last one wins, as for oslo.config); 0 when there
    is none.
    """
    section, found = "", 0
    for number, line in enumerate(lines, start=1):
        if heading := re.match(r"\[([^]]*)]", line):
            section = heading[1]
        elif section == GROUP and re.match(rf"{re.escape(name)}\s*[=:]", line):
            found = number
    return found
