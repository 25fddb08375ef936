"""The configuration files of the cloud's services, as an operator would write them by hand. Pure: returns text."""

from __future__ import annotations

from collections.abc import Mapping

from . import layout
from .layout import CONTROL_ADDRESS, PASSWORD, REGION, Layout, url

Sections = dict[str, dict[str, object]]


def ini(sections: Mapping[str, Mapping[str, object]]) -> str:
    """Sections and options as oslo.config reads them."""
    text = ""
    for section, options in sections.items():
        text += f"[{section}]\n"
        for name, value in options.items():
            for each in value if isinstance(value, list) else [value]:
                text += f"{name} = {each}\n"
        text += "\n"
    return text


def database(name: str) -> str:
    return f"mysql+pymysql://lab:{PASSWORD}@{CONTROL_ADDRESS}:{layout.MARIADB}/{name}?charset=utf8"


def transport() -> str:
    return f"rabbit://lab:{PASSWORD}@{CONTROL_ADDRESS}:{layout.AMQP}/"


def credentials(**more: object) -> dict[str, object]:
    return {
        "auth_url": url(layout.KEYSTONE, "/v3"),
        "auth_type": "password",
        "username": "admin",
        "password": PASSWORD,
        "project_name": "admin",
        "user_domain_id": "default",
        "project_domain_id": "default",
        **more,
    }


def token_middleware() -> dict[str, object]:
    return credentials(www_authenticate_uri=url(layout.KEYSTONE, "/v3"))


def keystone(place: Layout) -> str:
    keys = place.etc / "keystone"
    return ini(
        {
            "DEFAULT": {"log_file": place.logs / "keystone.log"},
            "database": {"connection": database("keystone")},
            "token": {"provider": "fernet", "expiration": 86400},
            "fernet_tokens": {"key_repository": keys / "fernet"},
            "fernet_receipts": {"key_repository": keys / "fernet"},
            "credential": {"key_repository": keys / "credential"},
        }
    )


def placement(place: Layout) -> str:
    return ini(
        {
            "DEFAULT": {"log_file": place.logs / "placement.log"},
            "placement_database": {"connection": database("placement")},
            "api": {"auth_strategy": "keystone"},
            "keystone_authtoken": token_middleware(),
        }
    )


def glance(place: Layout) -> str:
    return ini(
        {
            "DEFAULT": {"log_file": place.logs / "glance.log", "enabled_backends": "fs:file"},
            "glance_store": {"default_backend": "fs"},
            "fs": {"filesystem_store_datadir": place.run / "images"},
            "database": {"connection": database("glance")},
            "paste_deploy": {
                "flavor": "keystone",
                "config_file": place.etc / "glance" / "glance-api-paste.ini",
            },
            "keystone_authtoken": token_middleware(),
        }
    )


def neutron(place: Layout) -> str:
    return ini(
        {
            "DEFAULT": {
                "log_file": place.logs / "neutron.log",
                "core_plugin": "ml2",
                "service_plugins": "router,port_forwarding",
                "auth_strategy": "keystone",
                "transport_url": transport(),
                "api_paste_config": place.etc / "neutron" / "api-paste.ini",
                "state_path": place.run / "neutron",
                "notify_nova_on_port_status_changes": "false",
                "notify_nova_on_port_data_changes": "false",
            },
            "oslo_concurrency": {"lock_path": place.run / "neutron"},
            "database": {"connection": database("neutron")},
            "ml2": {
                "mechanism_drivers": "",
                "type_drivers": "local,flat",
                "tenant_network_types": "local",
            },
            "keystone_authtoken": token_middleware(),
        }
    )


def nova_common(place: Layout) -> Sections:
    """What Nova's services share on all machines. The computes get no database."""
    return {
        "DEFAULT": {"transport_url": transport(), "debug": "true"},
        "api": {"auth_strategy": "keystone"},
        "glance": {"api_servers": url(layout.GLANCE)},
        "keystone_authtoken": token_middleware(),
        "placement": credentials(region_name=REGION),
        "neutron": credentials(region_name=REGION),
        "service_user": credentials(send_service_user_token="true"),
    }


def nova_control(
    place: Layout, filters: list[str], available: list[str], weighers: list[str]
) -> str:
    """nova.conf of API, scheduler and conductor.

    :param filters: ``enabled_filters``; :param available: ``available_filters`` besides Nova's own.
    :param weighers: ``weight_classes`` besides Nova's own.
    """
    sections = nova_common(place)
    state = place.run / "nova"
    sections["DEFAULT"] |= {
        "log_dir": place.logs,
        "state_path": state,
        "my_ip": CONTROL_ADDRESS,
    }
    sections |= {
        "api_database": {"connection": database("nova_api")},
        "database": {"connection": database("nova")},
        "conductor": {"workers": 1},
        "scheduler": {"workers": 1},
        "filter_scheduler": {
            "available_filters": ["nova.scheduler.filters.all_filters", *available],
            "enabled_filters": ",".join(filters),
            "weight_classes": ",".join(["nova.scheduler.weights.all_weighers", *weighers]),
            # Hosts are told apart by their memory alone: a host that published its load while a guest
            # was still being started there would count as busy until its next periodic.
            "io_ops_weight_multiplier": 0.0,
        },
        "wsgi": {"api_paste_config": place.etc / "nova" / "api-paste.ini"},
        "oslo_concurrency": {"lock_path": state / "lock"},
    }
    if weighers:
        # For the same reason ConsentWeigher, which remembers refusals, counts only in aggregates that say so.
        sections["consent"] = {"weight_multiplier": 0.0}
    return ini(sections)


def nova_compute(place: Layout, name: str, address: str, driver: str, more: Sections) -> str:
    """nova.conf of one compute host.

    :param driver: ``compute_driver``.
    :param more: sections over it: ``[consent]`` and what a story wants.
    """
    sections = nova_common(place)
    helper = place.bin / "privsep-helper"
    sections["DEFAULT"] |= {
        "host": name,
        "my_ip": address,
        "compute_driver": driver,
        "state_path": "/var/lib/nova",
        "instances_path": "/var/lib/nova/instances",
        "force_raw_images": "false",
        "reserved_host_memory_mb": 0,
        "vif_plugging_is_fatal": "false",
        "ram_allocation_ratio": 4,
        "initial_cpu_allocation_ratio": 64,
        "update_resources_interval": 10,
    }
    sections |= {
        "libvirt": {
            "virt_type": "qemu",
            "cpu_mode": "custom",
            "cpu_models": "qemu64",
            "live_migration_inbound_addr": address,
            "live_migration_uri": "qemu+tcp://%s/system",
        },
        "vnc": {"enabled": "false"},
        "oslo_concurrency": {"lock_path": "/var/lib/nova/lock"},
        # A disk of zeros has no format that inspection could find.
        "workarounds": {"disable_deep_image_inspection": "true"},
        # privsep without sudo: everything here is root already.
        "nova_sys_admin": {"helper_command": f"{helper} --config-file /etc/nova/nova.conf"},
        "vif_plug_linux_bridge_privileged": {"helper_command": helper},
    }
    for section, options in more.items():
        sections[section] = {**sections.get(section, {}), **options}
    return ini(sections)


def rabbitmq() -> str:
    return "\n".join(
        [
            f"listeners.tcp.1 = {CONTROL_ADDRESS}:{layout.AMQP}",
            "default_user = lab",
            f"default_pass = {PASSWORD}",
            "loopback_users = none",
            "vm_memory_high_watermark.absolute = 1GB",
            "disk_free_limit.absolute = 50MB",
            "log.console = true",
            "log.file = false",
            "",
        ]
    )


def libvirtd(name: str, address: str, uuid: str) -> dict[str, str]:
    """libvirtd.conf and qemu.conf of one compute host, by file name."""
    log = "/var/log/libvirt/libvirtd.log"
    return {
        "libvirtd.conf": f"""\
listen_tls = 0
listen_tcp = 1
listen_addr = "{address}"
auth_tcp = "none"
auth_unix_rw = "none"
auth_unix_ro = "none"
host_uuid = "{uuid}"
log_outputs = "3:file:{log}"
""",
        "qemu.conf": f"""\
stdio_handler = "file"
security_driver = "none"
user = "root"
group = "root"
cgroup_controllers = [ ]
remember_owner = 0
namespaces = [ ]
migration_address = "{address}"
migration_host = "{address}"
""",
    }
