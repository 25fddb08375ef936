"""Hosts as nova-scheduler has them, of 40 guests each, with the digests that they would publish;
and movers.

What guests and hosts have said is made up after what operators ask for: flavors that keep away
large or noisy neighbours, a licence, tenants that keep apart, headroom. Drawn with a fixed seed;
host n is the same in a cloud of any size. Must not know filters, nor what is timed.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Iterator

from nova import context, objects
from nova.scheduler.host_manager import HostState

from consent_core import DigestVoter, Mode, RuleSet, Source, StandingPolicy, VoterKind, write_digest

GUESTS = 40
PROJECTS = [f"{number:032x}" for number in range(1, 201)]
CELL = "44444444-4444-4444-8444-444444444444"
GROUP = "99999999-9999-4999-8999-999999999999"
ACTION = "live-migration"

_CPU_INFO = json.dumps(
    {
        "arch": "x86_64",
        "model": "EPYC-Milan",
        "vendor": "AMD",
        "topology": {"cells": 2, "sockets": 1, "cores": 32, "threads": 2},
        "features": [f"feature{number}" for number in range(80)],
    }
)

_HOST_RULES = RuleSet.parse(
    f"""
- name: headroom
  when: {{site.memory_free_mib: "< 32768", guest.memory_mib: ">= 16384"}}
  answer: refuse
  because: the rest of this host's memory is kept for guests that grow
- name: licence
  when:
    site.aggregates: <in> licensed
    not: {{guest.extra.acme:licence: "s== database"}}
  answer: refuse
  because: this host's licence is for databases
- name: rivals
  when:
    me.project: <or> {PROJECTS[0]} <or> {PROJECTS[1]}
    guest.project: <or> {PROJECTS[2]} <or> {PROJECTS[3]}
  answer: refuse
  because: these tenants do not share a host
- name: hypervisor
  when: {{me.kind: s== hypervisor}}
  answer: consent
""",
    "host.yaml",
)

# Flavor -> its rules, as its extra specs have them.
_FLAVORS = {
    "general": {"any": "{answer: consent}"},
    "web": {
        "a-noisy": '{when: {guest.extra.acme:class: "s== batch"}, answer: refuse, because: noisy}',
        "b-rest": "{answer: consent}",
    },
    "latency": {
        "a-large": '{when: {guest.vcpus: ">= 32"}, answer: refuse, because: it must answer in 5 ms}',
        "b-batch": '{when: {guest.extra.acme:class: "<or> batch <or> build"}, answer: abstain}',
        "c-rest": "{when: {operation: s== live-migration}, answer: consent}",
    },
    "database": {
        "a-own": f"{{when: {{guest.project: <or> {PROJECTS[4]} <or> {PROJECTS[5]}}}, answer: consent}}",
        "b-memory": '{when: {guest.memory_mib: "> 98304"}, answer: refuse, because: buffer pool}',
        "c-rest": "{answer: consent}",
    },
    "picky": {
        "a-large": '{when: {guest.vcpus: ">= 8"}, answer: ask}',
        "b-rest": "{answer: consent}",
    },
}
_RULES = {name: RuleSet.of_properties(rules, f"flavor {name}") for name, rules in _FLAVORS.items()}
# A tenant's own words, in server metadata.
_WORDS = [
    RuleSet.of_properties({"a": rule}, "metadata")
    for rule in (
        f"{{when: {{guest.project: s!= {PROJECTS[6]}}}, answer: abstain}}",
        '{when: {guest.vcpus: ">= 64"}, answer: refuse, because: batch}',
    )
]


def hosts(number: int) -> list[HostState]:
    """HostStates as after an update from the database, digests of this moment in their stats."""
    aggregates = [
        objects.Aggregate(
            id=at,
            uuid=str(uuid.UUID(int=at)),
            name=name,
            hosts=[],
            metadata={"disk": disk, "network": "25g", "tier": "general"},
        )
        for at, (name, disk) in enumerate(
            [("fast", "ssd,nvme"), ("plain", "ssd"), ("old", "disk")], start=1
        )
    ]
    return [_host(at, aggregates) for at in range(number)]


def _host(at: int, aggregates: list[objects.Aggregate]) -> HostState:
    draw = random.Random(at)
    name = f"compute-{at:05}"
    guests = [str(uuid.UUID(int=draw.getrandbits(128), version=4)) for _ in range(GUESTS)]
    free_mib = draw.choice([4096, 65536, 98304, 131072, 196608])
    node = objects.ComputeNode(
        uuid=str(uuid.UUID(int=at + 1)),
        host=name,
        hypervisor_hostname=name,
        memory_mb=524288,
        free_ram_mb=free_mib,
        local_gb=4000,
        local_gb_used=1000,
        free_disk_gb=3000,
        disk_available_least=2900,
        vcpus=128,
        vcpus_used=96,
        host_ip="192.0.2.1",
        hypervisor_type="QEMU" if at % 8 else "LXC",
        hypervisor_version=8002000,
        cpu_info=_CPU_INFO,
        supported_hv_specs=[],
        numa_topology=None,
        pci_device_pools=objects.PciDevicePoolList(objects=[]),
        metrics="[]",
        updated_at=None,
        cpu_allocation_ratio=4.0,
        ram_allocation_ratio=1.0,
        disk_allocation_ratio=1.0,
        stats={
            "num_instances": str(GUESTS),
            "io_workload": "0",
            "failed_builds": "0",
            "consent_mode": Mode.AUDIT.value if at % 10 == 9 else Mode.ENFORCE.value,
            "consent_accept_incoming": "consent",
            "consent_digest": _digest(at, name, guests, free_mib, draw),
        },
    )
    state = HostState(name, name, CELL)
    state.update(
        compute=node,
        aggregates=[aggregates[at % len(aggregates)]],
        service={"disabled": False},
        # Nova's filters look at the UUIDs alone.
        inst_dict=dict.fromkeys(guests, objects.Instance()),
    )
    return state


def _digest(at: int, name: str, guests: list[str], free_mib: int, draw: random.Random) -> str:
    """What published.py makes of such a host."""
    site = {
        "site.host": name,
        "site.hypervisor": "QEMU",
        "site.hypervisor_version": 8002000,
        "site.vcpus": 128,
        "site.vcpus_free": 32,
        "site.memory_mib": 524288,
        "site.memory_free_mib": free_mib,
        "site.neighbours": GUESTS,
        "site.projects": PROJECTS[:GUESTS],
        "site.aggregates": ["licensed"] if at % 20 == 0 else ["general"],
    }
    host = (Source.HOST, "host.yaml", _HOST_RULES)
    voters = [
        DigestVoter(
            VoterKind.HYPERVISOR,
            StandingPolicy([host]),
            {**site, "me.id": name, "me.kind": "hypervisor"},
            answers=True,
        )
    ]
    flavors = ["general", *draw.sample(["web", "latency", "database", "picky"], 2)]
    # On two hosts of five some guests run an agent and have said nothing beforehand: they are asked.
    silent = draw.randrange(1, 4) if at % 5 >= 3 else 0
    for place, guest in enumerate(guests):
        flavor = draw.choice(flavors)
        said = [host, (Source.FLAVOR, f"flavor {flavor}", _RULES[flavor])]
        if place % 7 == 3:
            said.append((Source.METADATA, "metadata", draw.choice(_WORDS)))
        if place < silent:
            said = []
        me = {
            "me.id": guest,
            "me.kind": "neighbour",
            "me.project": draw.choice(PROJECTS),
            "me.flavor": flavor,
            "me.vcpus": 2,
            "me.memory_mib": 4096,
        }
        policy = StandingPolicy(said, veto=place % 4 == 0)
        answers = place < silent or flavor == "picky"
        voters.append(DigestVoter(VoterKind.NEIGHBOUR, policy, {**site, **me}, answers))
    mode = Mode.AUDIT if at % 10 == 9 else Mode.ENFORCE
    return write_digest(mode, int(time.time()), voters, refusals=at % 4)


def movers(of: list[HostState]) -> Iterator[objects.RequestSpec]:
    """Requests for live migrations without end, no two the same.

    Each is of a server group, and of a flavor that asks for three capabilities and three things of
    an aggregate, so that Nova's own filters have something to do.
    """
    draw = random.Random(0)
    members = [next(iter(host.instances)) for host in draw.sample(of, max(1, len(of) // 20))]
    # A server group has 10 members by default (quota server_group_members).
    members = members[:10]
    cell = objects.CellMapping(uuid=CELL, database_connection="", transport_url="")
    number = 0
    while True:
        number += 1
        vcpus = (2, 4, 8, 16, 32)[number % 5]
        kind = ("web", "batch", "build")[number % 3]
        yield objects.RequestSpec(
            context.RequestContext("user", PROJECTS[0], request_id=f"req-{number}"),
            instance_uuid=str(uuid.UUID(int=draw.getrandbits(128), version=4)),
            project_id=draw.choice(PROJECTS),
            requested_destination=objects.Destination(cell=cell),
            scheduler_hints={},
            ignore_hosts=["compute-source"],
            flavor=objects.Flavor(
                name=f"{kind}.{vcpus}",
                vcpus=vcpus,
                memory_mb=vcpus * 4096,
                extra_specs={
                    "capabilities:hypervisor_type": "s== QEMU",
                    "capabilities:hypervisor_version": ">= 8000000",
                    "capabilities:cpu_info:arch": "s== x86_64",
                    "aggregate_instance_extra_specs:disk": "<or> ssd <or> nvme",
                    "aggregate_instance_extra_specs:network": "<or> 25g <or> 100g",
                    "aggregate_instance_extra_specs:tier": "s== general",
                    "acme:class": kind,
                },
            ),
            instance_group=objects.InstanceGroup(
                uuid=GROUP, policy="anti-affinity", rules={}, members=members, hosts=[]
            ),
        )
