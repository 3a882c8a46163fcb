# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of an operation that are disturbed at an exact moment, and what stands on all clusters afterwards.

A moment is a request of the run: what happens then happens before it is sent, or after it was answered. Only the
process of the test is instrumented.
"""

from __future__ import annotations

import copy
import gzip
import json
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from multiprocessing import forkserver, get_context
from multiprocessing.connection import Connection
from typing import Any, Literal
from unittest import mock

from ansible_collections.onemesh.istio.plugins.module_utils._change import ledger, records
from ansible_collections.onemesh.istio.plugins.module_utils._change.lease import is_free
from ansible_collections.onemesh.istio.plugins.module_utils._change.ledger import Record
from ansible_collections.onemesh.istio.plugins.module_utils._change.moving import LABEL_PART_OF
from ansible_collections.onemesh.istio.plugins.module_utils._change.place import Place
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client, strip_content
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import Forbidden, Invalid
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import (
    DESTINATION_RULE,
    LEASE,
    NAMESPACE,
    SECRET,
    VIRTUAL_SERVICE,
)
from ansible_collections.onemesh.istio.plugins.module_utils._kube.transport import Transport
from ansible_collections.onemesh.istio.plugins.module_utils._operations import canary
from ansible_collections.onemesh.istio.plugins.module_utils._operations.replicate import run as replicate
from ansible_collections.onemesh.istio.plugins.module_utils._ownership import LABEL_SET

from support.fleet_runs import RECORDS, Object, Planes, Ran, run

HUB = "east"
KINDS = (VIRTUAL_SERVICE, DESTINATION_RULE)
SOMEBODY = "somebody"
"""Field manager of another user."""


# Moments


@dataclass(frozen=True)
class Request:
    """What a run is about to ask of an API server."""

    cluster: str
    method: str
    path: str
    writes: bool
    """Whether it changes something: no dry run, no review."""


def _request(cluster: str, method: str, path: str, query: Any, body: Any) -> Request:
    dry = bool((query or {}).get("dryRun")) or (isinstance(body, Mapping) and bool(body.get("dryRun")))
    return Request(cluster, method, path, method != "GET" and not dry and "authorization.k8s.io" not in path)


@contextmanager
def observed(before: Callable[[Request], None], after: Callable[[Request], None]) -> Iterator[None]:
    """``before`` and ``after`` each request of this process. What these two send themselves is not observed."""
    original = Transport.request
    inside = threading.local()

    def aside(hook: Callable[[Request], None], this: Request) -> None:
        inside.hook = True
        try:
            hook(this)
        finally:
            inside.hook = False

    def request(transport: Transport, method: str, path: str, **options: Any) -> Any:
        if getattr(inside, "hook", False):
            return original(transport, method, path, **options)
        this = _request(transport.cluster, method, path, options.get("query"), options.get("body"))
        aside(before, this)
        answer = original(transport, method, path, **options)
        aside(after, this)
        return answer

    with mock.patch.object(Transport, "request", request):
        yield


@dataclass
class Moment:
    """The ``nth`` write to ``cluster`` (None: any) that matches; ``do`` is called once, then ``came`` is true."""

    do: Callable[[], object]
    cluster: str | None
    what: str
    nth: int
    when: Literal["before", "after"]
    seen: int = 0
    came: bool = False


class Moments:
    """What is to happen during a run, and every request that it makes."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._due: list[Moment] = []
        self._lock = threading.Lock()

    def before(self, cluster: str | None, what: str, do: Callable[[], object], *, nth: int = 1) -> None:
        """``what`` is a regular expression for ``METHOD /path`` of writes."""
        self._due.append(Moment(do, cluster, what, nth, "before"))

    def after(self, cluster: str | None, what: str, do: Callable[[], object], *, nth: int = 1) -> None:
        self._due.append(Moment(do, cluster, what, nth, "after"))

    @property
    def writes(self) -> list[Request]:
        return [each for each in self.requests if each.writes]

    @contextmanager
    def observing(self) -> Iterator[None]:
        with observed(self._before, lambda this: self._at("after", this)):
            yield

    @property
    def missed(self) -> list[str]:
        """What was to happen, and whose moment never came."""
        return [f"{each.when} {each.what} to {each.cluster}" for each in self._due if not each.came]

    def _before(self, this: Request) -> None:
        with self._lock:
            self.requests.append(this)
        self._at("before", this)

    def _at(self, when: str, this: Request) -> None:
        with self._lock:
            for moment in self._due:
                if this.writes and when == moment.when and self._matches(moment, this):
                    moment.seen += 1
                    if moment.seen == moment.nth:
                        # Under the lock: what runs at the same time waits until it has happened.
                        moment.came = True
                        moment.do()

    @staticmethod
    def _matches(moment: Moment, this: Request) -> bool:
        here = moment.cluster in (None, this.cluster)
        return here and re.search(moment.what, f"{this.method} {this.path}") is not None


RECORD_WRITTEN = r"(POST|PUT) .*/secrets"
"""The obligation is recorded: after prepare, before the first write of the commit."""
COMMIT = r"PATCH .*/(virtualservices|destinationrules|namespaces)"
ROUTE = r"PATCH .*/virtualservices"
REMOVAL = r"DELETE .*/(virtualservices|destinationrules)"


# Runs in a process of their own, as Ansible's are


@dataclass(frozen=True)
class Kill:
    """SIGKILL at the ``nth`` write: before it is sent, or after it was answered."""

    nth: int
    when: Literal["before", "after"]


_OPERATIONS = {"replicate": replicate, "canary": canary}
_processes = get_context("forkserver")


def start_forking() -> None:
    """Start the process that all others are forked from, with everything imported: else each would take a second."""
    _processes.set_forkserver_preload([__name__])
    # Python before 3.13 does not tell it where modules are.
    with mock.patch.dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path))):
        forkserver.ensure_running()


@dataclass
class Forked:
    """What came of such a run: its result, or nothing where it was killed; the number of writes."""

    ran: Ran | None
    writes: int

    def succeeded(self) -> Forked:
        assert self.ran is not None, "it was killed"
        self.ran.succeeded()
        return self


def forked(
    parameters: Mapping[str, Any], kill: Kill | None = None, *, part_bytes: int = 0, operation: str = "replicate"
) -> Forked:
    """Run it, and wait for its end. ``part_bytes``: the size from which a record is stored in several Secrets."""
    return Held(parameters, kill, part_bytes=part_bytes, operation=operation).result()


class Held:
    """A run in a process of its own that waits, before the first write that matches ``at``, until it may go on."""

    def __init__(
        self,
        parameters: Mapping[str, Any],
        kill: Kill | None = None,
        *,
        at: str = "",
        part_bytes: int = 0,
        operation: str = "replicate",
    ) -> None:
        self._pipe, theirs = _processes.Pipe()
        arguments = (theirs, operation, dict(parameters), kill, at, part_bytes)
        self._process = _processes.Process(target=_run, args=arguments, daemon=True)
        self._process.start()
        self.pid = self._process.pid
        theirs.close()

    def until_there(self) -> None:
        assert self._pipe.recv() == "there"

    def go_on(self) -> None:
        self._pipe.send("go on")

    def result(self) -> Forked:
        try:
            done: Forked | str = self._pipe.recv()
        except EOFError:
            # Only SIGKILL keeps it from saying anything. (The exit status is lost where several threads ask for it.)
            done = Forked(None, 0)
        self._process.join()
        assert isinstance(done, Forked), done
        return done


def _run(
    pipe: Connection, operation: str, parameters: dict[str, Any], kill: Kill | None, hold_at: str, part_bytes: int
) -> None:
    ledger.PART_BYTES = part_bytes or ledger.PART_BYTES
    count = 0
    lock = threading.Lock()
    holding = bool(hold_at)

    def at(when: str, this: Request) -> None:
        nonlocal count, holding
        if not this.writes:
            return
        with lock:
            if when == "before" and holding and re.search(hold_at, f"{this.method} {this.path}"):
                holding = False
                pipe.send("there")
                assert pipe.recv() == "go on"
            count += when == (kill.when if kill is not None else "before")
            if kill is not None and (when, count) == (kill.when, kill.nth):
                os.kill(os.getpid(), signal.SIGKILL)

    with observed(lambda this: at("before", this), lambda this: at("after", this)):
        try:
            done: Forked | str = Forked(run(_OPERATIONS[operation], parameters), count)
        except BaseException:
            done = traceback.format_exc()
    pipe.send(done)


# What an API server refuses


def refuse(client: Client, name: str, condition: str) -> None:
    """Refuse routes for which the CEL ``condition`` does not hold, as one called ``name``."""
    group = "admissionregistration.k8s.io"
    rule = {
        "apiGroups": [VIRTUAL_SERVICE.group],
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE"],
        "resources": [VIRTUAL_SERVICE.plural],
    }
    policy = {
        "apiVersion": f"{group}/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": f"no-{name}"},
        "spec": {
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": condition, "message": f"nothing may be called {name} here"}],
        },
    }
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": f"no-{name}"},
        "spec": {"policyName": f"no-{name}", "validationActions": ["Deny"]},
    }
    for manifest in (policy, binding):
        client.apply(manifest, field_manager=SOMEBODY)
    # The API server takes a policy up in its own time, and says nowhere that it has.
    probe = virtual_service("default", name)
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        try:
            client.create(probe)
        except (Invalid, Forbidden):
            return
        client.delete(VIRTUAL_SERVICE, name, "default")
    raise AssertionError(f"{client.cluster} does not refuse {name}")


# A set, and what stands of it


def virtual_service(namespace: str, name: str, weight: int = 100, **metadata: Any) -> Object:
    destinations = [
        {"destination": {"host": name, "subset": subset}, "weight": share}
        for subset, share in (("v1", weight), ("v2", 100 - weight))
    ]
    return {
        "apiVersion": VIRTUAL_SERVICE.api_version,
        "kind": VIRTUAL_SERVICE.kind,
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {"hosts": [name], "http": [{"name": "main", "route": destinations}]},
    }


def destination_rule(namespace: str, name: str) -> Object:
    return {
        "apiVersion": DESTINATION_RULE.api_version,
        "kind": DESTINATION_RULE.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"host": name, "subsets": [{"name": each, "labels": {"version": each}} for each in ("v1", "v2")]},
    }


Snapshot = dict[str, dict[str, Object]]
"""Per cluster, content by name: with identities, without versions."""


@dataclass
class Site:
    """One set with a namespace of its own, both called ``name``, on all clusters or on ``names``."""

    planes: Planes
    name: str
    names: tuple[str, ...] = ()
    options: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Other options of a cluster, where it is reached by another way than the administrator's."""

    @property
    def clients(self) -> Mapping[str, Client]:
        return self.planes.clients

    def objects(self, weight: int = 100, *names: str) -> list[Object]:
        """A route and a rule for each name."""
        chosen = names or ("reviews",)
        makers = (lambda name: virtual_service(self.name, name, weight), lambda name: destination_rule(self.name, name))
        return [make(name) for name in chosen for make in makers]

    def parameters(self, **options: Any) -> dict[str, Any]:
        clusters = self.planes.clusters(*self.names, **self.options)
        return {"clusters": clusters, "set": self.name, **options}

    def run(self, moments: Moments | None = None, *, check: bool = False, **options: Any) -> Ran:
        if moments is None:
            return run(replicate, self.parameters(**options), check=check)
        with moments.observing():
            ran = run(replicate, self.parameters(**options), check=check)
        assert not moments.missed, f"{moments.missed}: {ran.result}"
        return ran

    def make_namespace(self) -> None:
        """What the user has made already."""
        manifest = {
            "apiVersion": NAMESPACE.api_version,
            "kind": NAMESPACE.kind,
            "metadata": {"name": self.name, "labels": {"istio-injection": "enabled"}},
        }
        for client in self.clients.values():
            client.apply(manifest, field_manager=SOMEBODY)

    def snapshot(self) -> Snapshot:
        """Everything in the namespace, and the namespace."""
        return {cluster: self.of(cluster) for cluster in self.clients}

    def of(self, cluster: str) -> dict[str, Object]:
        """What one cluster has of it."""
        client = self.clients[cluster]
        namespace = client.find(NAMESPACE, self.name)
        found = [] if namespace is None else [namespace]
        found += [live for kind in KINDS for live in client.list(kind, self.name)]
        return {f"{live['kind']} {live['metadata']['name']}": strip_content(live) for live in found}

    def record(self) -> Record | None:
        found = records.Records(Place(self.clients[HUB], RECORDS)).load("replicate", self.name)
        return found if found.resource_version else None

    def leftovers(self) -> list[str]:
        """What a set that is gone must not leave: objects with its label, its record and its parts, its Lease."""
        hub, name = self.clients[HUB], records.record_name("replicate", self.name)
        left = [
            f"{cluster}: {kind.kind} {live['metadata']['name']}"
            for cluster, client in self.clients.items()
            for kind in (*KINDS, NAMESPACE)
            for live in client.list(kind, label_selector=f"{LABEL_SET}={self.name}")
        ]
        parts = hub.list(SECRET, RECORDS, label_selector=f"{LABEL_PART_OF}={name}")
        left += [f"Secret {live['metadata']['name']}" for live in parts]
        left += [f"{kind.kind} {name}" for kind in (SECRET, LEASE) if hub.find(kind, name, RECORDS) is not None]
        return left

    def stands(self, objects: list[Object], names: tuple[str, ...] = ()) -> None:
        """All of these and no others on every cluster (or ``names``), recorded as ours, and nothing is owed."""
        record = self.record()
        assert record is not None
        assert record.pending is None
        assert not record.list_owed(), record.list_owed()
        lease = self.clients[HUB].find(LEASE, records.record_name("replicate", self.name), RECORDS)
        assert lease is None or is_free(lease, datetime.now(timezone.utc))
        for cluster in names or tuple(self.clients):
            found = self.of(cluster)
            wanted = {f"{each['kind']} {each['metadata']['name']}": each for each in objects}
            assert {key for key in found if not key.startswith("Namespace")} == set(wanted), cluster
            for key, each in wanted.items():
                assert found[key]["spec"] == each["spec"], (cluster, key)
                assert found[key]["metadata"]["labels"][LABEL_SET] == self.name
            entries = record.clusters[cluster].objects.values()
            uids = {f"{entry.id.kind} {entry.id.name}": entry.uid for entry in entries}
            assert uids == {key: live["metadata"]["uid"] for key, live in found.items() if key in uids}, cluster
            assert set(wanted) <= set(uids), cluster

    def end_state(self) -> str:
        """Everything, without identities and times: the same for two sets that were treated the same way."""
        record = self.record()
        shown = {
            "objects": {
                cluster: {key: [_anonymous(live), _managers(client, live)] for key, live in self.of(cluster).items()}
                for cluster, client in self.clients.items()
            },
            "record": None if record is None else _shape(record, self.snapshot()),
        }
        text = re.sub(rf"\b{self.name}\b", "NAME", json.dumps(shown, indent=1, sort_keys=True))
        # A hash is of content that has the name in it.
        hashes: dict[str, str] = {}
        return re.sub(r'"[0-9a-f]{16}"', lambda found: hashes.setdefault(found[0], f'"hash {len(hashes)}"'), text)


def _anonymous(live: Mapping[str, Any]) -> Object:
    shown = copy.deepcopy(dict(live))
    for name in ("uid", "creationTimestamp"):
        shown["metadata"].pop(name, None)
    shown["metadata"].pop("managedFields", None)
    return shown


def _managers(client: Client, live: Mapping[str, Any]) -> list[str]:
    """Who holds fields, and how."""
    kind, metadata = client.find_kind(live), live["metadata"]
    entries = client.get(kind, metadata["name"], metadata.get("namespace"))["metadata"].get("managedFields") or []
    return sorted(f"{entry['manager']} {entry['operation']}" for entry in entries)


def _shape(record: Record, snapshot: Snapshot) -> Object:
    """The record with every UID said to be that of the live object, or not."""
    uids = {live["metadata"]["uid"] for found in snapshot.values() for live in found.values()}
    document = json.loads(gzip.decompress(ledger.encode(record)))
    contents = {number: _anonymous(value) for number, value in document.pop("contents").items()}

    def shown(value: Any) -> Any:
        if isinstance(value, list):
            return [shown(each) for each in value]
        if not isinstance(value, Mapping):
            return value
        result = {}
        for name, inner in value.items():
            if name == "uid":
                result[name] = "live" if inner in uids else "not live"
            elif name in ("original", "written", "desired", "base"):
                result[name] = contents[inner]
            elif name not in ("since", "started", "holder", "id"):
                result[name] = shown(inner)
        return result

    return dict(shown(document))
