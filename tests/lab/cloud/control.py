"""The control plane: MariaDB, RabbitMQ, keystone, placement, glance, neutron, Nova's API, conductor and scheduler.

All of it runs on one namespace machine. The synchronised databases are kept (as MariaDB's data folder) under the
versions they were made with, so that only the first ``up`` pays for the migrations.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

from keystoneauth1 import session as keystone_session
from keystoneauth1.identity.v3 import Password

from . import layout, settings
from .hosts import hosts_file
from .layout import CONTROL_ADDRESS, PASSWORD, REGION, Layout, url
from .namespaces import Machine
from .processes import Process, run
from .telling import Telling
from .waiting import wait_for

DATABASES = ("keystone", "placement", "glance", "neutron", "nova_api", "nova_cell0", "nova")

#: Nova's own filters, in its default order.
FILTERS = (
    "ComputeFilter",
    "ComputeCapabilitiesFilter",
    "ImagePropertiesFilter",
    "ServerGroupAntiAffinityFilter",
    "ServerGroupAffinityFilter",
)

WSGI: Mapping[str, tuple[int, str]] = {
    "keystone": (layout.KEYSTONE, "keystone.wsgi.api:application"),
    "placement": (layout.PLACEMENT, "placement.wsgi.api:application"),
    "glance": (layout.GLANCE, "glance.wsgi.api:application"),
    "neutron": (layout.NEUTRON, "neutron.wsgi.api:application"),
    "nova-api": (layout.NOVA, "nova.wsgi.osapi_compute:application"),
}

ENDPOINTS: Mapping[str, tuple[str, str]] = {
    "placement": ("placement", url(layout.PLACEMENT)),
    "glance": ("image", url(layout.GLANCE)),
    "neutron": ("network", url(layout.NEUTRON)),
    "nova": ("compute", url(layout.NOVA, "/v2.1")),
}


class Control:
    """The control plane of one cloud.

    :param extra_filters: enabled scheduler filters besides Nova's own, class name -> dotted path.
    :param weighers: weighers besides Nova's own, dotted paths.
    """

    def __init__(
        self,
        place: Layout,
        tell: Telling,
        extra_filters: Mapping[str, str] | None = None,
        weighers: Sequence[str] = (),
    ) -> None:
        self.place, self.tell = place, tell
        self._extra_filters, self._weighers = dict(extra_filters or {}), list(weighers)
        folder = place.host("control")
        self.machine = Machine(
            layout.CONTROL,
            "control",
            CONTROL_ADDRESS,
            folder,
            place,
            {folder / "hosts": "/etc/hosts"},
        )

    # -- what an operator does, in order ------------------------------------------------------------------------

    def up(self) -> None:
        """Brings everything up and returns when it answers; the compute hosts may be started meanwhile.

        :raises LabError: a part did not come up; its name and the end of its log are in the text.
        """
        self._write_settings()
        self.machine.up()
        with ThreadPoolExecutor(2) as pool:
            broker = pool.submit(self._broker)
            self._databases()
            for name in WSGI:
                self._start_wsgi(name)
            broker.result()
        self._start_nova("nova-conductor")
        self._answers("keystone")
        self._register()
        # The endpoints come before the scheduler: one that finds no placement endpoint keeps placement disabled.
        self._start_nova("nova-scheduler")

    def settled(self) -> None:
        """Returns when every API answers; separate from ``up`` so that hosts may start in between."""
        for name in WSGI:
            self._answers(name)
        # The first query configures neutron's mappers; a port query that comes first fails.
        self.get(url(layout.NEUTRON, "/v2.0/networks"))
        self.tell.step("control plane answers: keystone, placement, glance, neutron, nova")

    def restart_scheduler(self) -> None:
        """Takes changed filters into use."""
        self._write_settings()
        self.scheduler.end()
        self._start_nova("nova-scheduler")

    @property
    def scheduler(self) -> Process:
        return self.machine.process("nova-scheduler")

    @property
    def scheduler_log(self) -> Path:
        return self.place.logs / "nova-scheduler.log"

    # -- parts --------------------------------------------------------------------------------------------------

    def _write_settings(self) -> None:
        place = self.place
        for folder in (
            "control",
            "images",
            "neutron",
            "nova/lock",
            "log",
            "pid",
            *(f"etc/{n}" for n in DATABASES),
        ):
            (place.run / folder).mkdir(parents=True, exist_ok=True)
        (place.run / "control" / "hosts").write_text(hosts_file())
        texts = {
            "keystone/keystone.conf": settings.keystone(place),
            "placement/placement.conf": settings.placement(place),
            "glance/glance-api.conf": settings.glance(place),
            "neutron/neutron.conf": settings.neutron(place),
            "nova/nova.conf": settings.nova_control(
                place,
                [*FILTERS, *self._extra_filters],
                list(self._extra_filters.values()),
                self._weighers,
            ),
            "rabbitmq.conf": settings.rabbitmq(),
        }
        # The packages' own files (paste pipelines, rootwrap) first: some have the names of ours.
        for service in ("glance", "neutron", "nova"):
            shutil.copytree(place.venv / "etc" / service, place.etc / service, dirs_exist_ok=True)
        for name, text in texts.items():
            (place.etc / name).write_text(text)
        for keys in ("fernet", "credential"):
            self._fernet_keys(place.etc / "keystone" / keys)
        place.rc.write_text(
            f"export OS_AUTH_URL={url(layout.KEYSTONE, '/v3')} OS_USERNAME=admin OS_PASSWORD={PASSWORD}\n"
            "export OS_PROJECT_NAME=admin OS_USER_DOMAIN_ID=default OS_PROJECT_DOMAIN_ID=default\n"
            "export OS_IDENTITY_API_VERSION=3 OS_COMPUTE_API_VERSION=2.95\n"
            f"export PATH={place.bin}:$PATH\n"
        )

    @staticmethod
    def _fernet_keys(folder: Path) -> None:
        """What keystone-manage fernet_setup makes: a staged key 0 and a primary key 1."""
        folder.mkdir(mode=0o700, exist_ok=True)
        for name in ("0", "1"):
            if not (folder / name).exists():
                (folder / name).write_bytes(base64.urlsafe_b64encode(os.urandom(32)))
                (folder / name).chmod(0o600)

    def _mariadb(self) -> Process:
        data, process = self.place.run / "mysql", self.machine.process("mariadb")
        process.start(self.machine.inside([
            "mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", f"--socket={self._socket}",
            f"--bind-address={CONTROL_ADDRESS}", f"--port={layout.MARIADB}", f"--pid-file={data}/mariadb.pid",
            "--innodb-flush-log-at-trx-commit=0", "--innodb-log-file-size=32M", "--max-connections=400",
        ]))  # fmt: skip
        wait_for(
            "MariaDB answers", lambda: connects(layout.MARIADB), 60, process.log, process.alive
        )
        return process

    @property
    def _socket(self) -> Path:
        return self.place.run / "mysql.sock"

    def _databases(self) -> None:
        """MariaDB with all schemas: from the cache, else made now and put there."""
        data = self.place.run / "mysql"
        cached = self.place.cache / f"databases-{self._versions()}"
        if not data.exists() and cached.exists():
            shutil.copytree(cached, data)
        if data.exists():
            self._mariadb()
            self.tell.step("MariaDB is up, its databases made earlier")
            return
        run(["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}",
             "--auth-root-authentication-method=normal", "--skip-test-db"], timeout_s=120)  # fmt: skip
        mariadb = self._mariadb()
        grants = "".join(
            f"create database if not exists {name} character set utf8mb3;"
            f"grant all on {name}.* to 'lab'@'%' identified by '{PASSWORD}';"
            for name in DATABASES
        )
        run(["mariadb", "--no-defaults", "-S", self._socket, "-e", grants])
        self.tell.step("MariaDB is up; making the databases (kept for the next time)")
        self._synchronise()
        # Kept as the data folder after a clean shutdown: twice as quick to put back as a dump.
        mariadb.end(signal.SIGTERM, within_s=60)
        unfinished = cached.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(data, unfinished)
        unfinished.rename(cached)
        self._mariadb()
        self.tell.step("databases made: keystone, placement, glance, neutron, nova")

    def _versions(self) -> str:
        """A name for what the databases depend on."""
        parts = [
            f"{n}={metadata.version(n)}"
            for n in ("keystone", "openstack-placement", "glance", "neutron", "nova")
        ]
        parts += [
            run(["mariadbd", "--version"]),
            settings.database("x"),
            settings.transport(),
            REGION,
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def _synchronise(self) -> None:
        etc = self.place.etc
        keystone: list[str | Path] = [
            "keystone-manage",
            "--config-file",
            etc / "keystone/keystone.conf",
        ]
        nova: list[str | Path] = ["nova-manage", "--config-file", etc / "nova/nova.conf"]
        bootstrap = ["bootstrap", "--bootstrap-password", PASSWORD, "--bootstrap-region-id", REGION,
                     "--bootstrap-admin-url", url(layout.KEYSTONE, "/v3"),
                     "--bootstrap-internal-url", url(layout.KEYSTONE, "/v3"),
                     "--bootstrap-public-url", url(layout.KEYSTONE, "/v3")]  # fmt: skip
        lines: dict[str, list[list[str | Path]]] = {
            "neutron": [["neutron-db-manage", "--config-file", etc / "neutron/neutron.conf", "upgrade", "heads"]],
            "nova": [[*nova, "api_db", "sync"],
                     [*nova, "cell_v2", "map_cell0", "--database_connection", settings.database("nova_cell0")],
                     [*nova, "cell_v2", "create_cell", "--name", "cell1"],
                     [*nova, "db", "sync"]],
            "keystone": [[*keystone, "db_sync"], [*keystone, *bootstrap]],
            "glance": [["glance-manage", "--config-file", etc / "glance/glance-api.conf", "db_sync"]],
            "placement": [["placement-manage", "--config-file", etc / "placement/placement.conf", "db", "sync"]],
        }  # fmt: skip

        def do(service: str) -> None:
            for program, *words in lines[service]:
                log = self.place.logs / f"{service}-databases.log"
                run([self.place.bin / program, *words], log=log, timeout_s=300)

        with ThreadPoolExecutor(len(lines)) as pool:
            list(pool.map(do, lines))

    def _broker(self) -> None:
        home, process = self.place.run / "rabbitmq", self.machine.process("rabbitmq")
        home.mkdir(exist_ok=True)
        # Debian's wrapper wants to be the distribution's service; this is RabbitMQ's own start script. Nodename,
        # epmd and ports are the namespace's, so the distribution's broker may run or not.
        process.start(
            self.machine.inside(["/usr/lib/rabbitmq/bin/rabbitmq-server"]),
            {
                "HOME": str(home),
                "HOSTNAME": "control",
                "RABBITMQ_CONF_ENV_FILE": "/dev/null",
                "RABBITMQ_CONFIG_FILE": str(self.place.etc / "rabbitmq.conf"),
                "RABBITMQ_NODENAME": "lab@control",
                "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
                "RABBITMQ_LOG_BASE": str(home / "log"),
                "RABBITMQ_PLUGINS_EXPAND_DIR": str(home / "plugins"),
                "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
                "RABBITMQ_PID_FILE": str(home / "pid"),
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none",
            },
        )
        wait_for("RabbitMQ listens", lambda: connects(layout.AMQP), 90, process.log, process.alive)
        self.tell.step("RabbitMQ is up")

    def _start_wsgi(self, name: str) -> None:
        port, module = WSGI[name]
        service = name.removesuffix("-api")
        etc = self.place.etc / service
        env = {
            "keystone": {
                "OS_KEYSTONE_CONFIG_FILES": "keystone.conf",
                "OS_KEYSTONE_CONFIG_DIR": str(etc),
            },
            "placement": {"OS_PLACEMENT_CONFIG_DIR": str(etc)},
            "glance": {
                "OS_GLANCE_CONFIG_FILES": "glance-api.conf",
                "OS_GLANCE_CONFIG_DIR": str(etc),
            },
            "neutron": {
                "OS_NEUTRON_CONFIG_FILES": "neutron.conf",
                "OS_NEUTRON_CONFIG_DIR": str(etc),
            },
            "nova": {"OS_NOVA_CONFIG_DIR": str(etc)},
        }[service]
        # Not gunicorn: Nova reads sys.argv and does not take its arguments.
        self.machine.process(name).start(self.machine.inside([
            self.place.bin / "uwsgi", "--http-socket", f"{CONTROL_ADDRESS}:{port}", "--module", module,
            "--master", "--no-orphans", "--processes", "1", "--threads", "8", "--enable-threads", "--lazy-apps",
            "--die-on-term", "--need-app", "--buffer-size", "65535", "--http-chunked-input",
            "--add-header", "Connection: close",
        ]), env)  # fmt: skip

    def _start_nova(self, name: str) -> None:
        config = self.place.etc / "nova" / "nova.conf"
        # Nova's own log is <name>.log too: what it prints goes to a file beside it.
        process = self.machine.process(f"{name}.out")
        process.start(
            self.machine.inside([self.place.bin / name, "--config-file", config]),
            {"PATH": f"{self.place.bin}:{os.environ['PATH']}"},
        )

    def _answers(self, name: str) -> None:
        process = self.machine.process(name)
        wait_for(f"{name} answers", lambda: answers(WSGI[name][0]), 120, process.log, process.alive)

    # -- keystone's own records ---------------------------------------------------------------------------------

    def session(self) -> keystone_session.Session:
        auth = Password(
            auth_url=url(layout.KEYSTONE, "/v3"), username="admin", password=PASSWORD, project_name="admin",
            user_domain_id="default", project_domain_id="default",
        )  # fmt: skip
        return keystone_session.Session(auth=auth)

    def get(self, address: str) -> dict[str, object]:
        return dict(self.session().get(address, timeout=60).json())

    def _register(self) -> None:
        """Services, endpoints and the role that makes service tokens; what exists stays."""
        s, base = self.session(), url(layout.KEYSTONE, "/v3")
        known = {service["name"] for service in s.get(f"{base}/services").json()["services"]}
        for name, (kind, address) in ENDPOINTS.items():
            if name not in known:
                made = s.post(
                    f"{base}/services", json={"service": {"name": name, "type": kind}}
                ).json()["service"]
                endpoint = {
                    "service_id": made["id"],
                    "interface": "public",
                    "url": address,
                    "region_id": REGION,
                }
                s.post(f"{base}/endpoints", json={"endpoint": endpoint})
        roles = {role["name"]: role["id"] for role in s.get(f"{base}/roles").json()["roles"]}
        if "service" not in roles:
            roles["service"] = s.post(f"{base}/roles", json={"role": {"name": "service"}}).json()[
                "role"
            ]["id"]
        s.put(
            f"{base}/projects/{s.get_project_id()}/users/{s.get_user_id()}/roles/{roles['service']}"
        )

    def discover_hosts(self) -> None:
        """Tells Nova's cell of the compute hosts that have reported."""
        nova: list[str | Path] = [
            self.place.bin / "nova-manage",
            "--config-file",
            self.place.etc / "nova/nova.conf",
        ]
        run([*nova, "cell_v2", "discover_hosts"], log=self.place.logs / "discover-hosts.log")

    def published(self, host: str) -> dict[str, str]:
        """What a host last published for the scheduler: its compute node's stats."""
        query = f"select stats from nova.compute_nodes where deleted = 0 and host = '{host}'"
        found = run(
            ["mariadb", "--no-defaults", "-N", "--raw", "-S", self._socket, "-e", query]
        ).strip()
        return dict(json.loads(found)) if found and found != "NULL" else {}


def connects(port: int) -> bool:
    try:
        socket.create_connection((CONTROL_ADDRESS, port), timeout=1).close()
    except OSError:
        return False
    return True


def answers(port: int) -> bool:
    """Any HTTP answer below 500 will do: some of them want a token for their front page."""
    try:
        urllib.request.urlopen(url(port, "/"), timeout=30).close()
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
    return True
