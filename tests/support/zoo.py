# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote secrets of every kind that istiod was seen to take or to refuse."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._istio import remote_secret

Kubeconfig = dict[str, Any]


@dataclass(frozen=True)
class Beast:
    """One Secret. ``usable`` and ``refused`` are the cluster IDs that come out of it, with part of the reason."""

    name: str
    data: Mapping[str, bytes] = field(repr=False)
    usable: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    checks: frozenset[str] = frozenset()
    """Findings, by their slugs."""
    annotation: str | None = ""
    """Empty: the first key."""

    def manifest(self, namespace: str = "istio-system", label: str = "istio/multiCluster") -> dict[str, Any]:
        annotation = next(iter(self.data), "") if self.annotation == "" else self.annotation
        metadata: dict[str, Any] = {"name": self.name, "namespace": namespace, "labels": {label: "true"}}
        if annotation is not None:
            metadata["annotations"] = {"networking.istio.io/cluster": annotation}
        data = {key: base64.b64encode(value).decode() for key, value in self.data.items()}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}


def kubeconfig(name: str, server: str, ca: bytes, token: str) -> Kubeconfig:
    """As ``istioctl create-remote-secret`` makes it."""
    content: Kubeconfig = yaml.safe_load(remote_secret.build(name, server, ca, token)["stringData"][name])
    return content


def beasts(server: str, ca: bytes, token: str, own: str) -> list[Beast]:
    """The zoo: all of its good kubeconfigs lead to ``server``; ``own`` is the ID of the cluster that holds them."""

    def good(name: str) -> Kubeconfig:
        return kubeconfig(name, server, ca, token)

    def of(name: str, content: Kubeconfig | None = None) -> bytes:
        return yaml.safe_dump(good(name) if content is None else content).encode()

    def with_user(name: str, **user: Any) -> bytes:
        content = good(name)
        content["users"][0]["user"] = user
        return of(name, content)

    def with_cluster(name: str, **cluster: Any) -> bytes:
        content = good(name)
        content["clusters"][0]["cluster"] = {"server": server, **cluster}
        return of(name, content)

    def with_contexts(name: str, *more: str, current: str | None = None) -> bytes:
        content = good(name)
        content["contexts"] += [{"name": each, "context": {"cluster": name, "user": name}} for each in more]
        content["current-context"] = name if current is None else current
        return of(name, content)

    def broken(name: str) -> bytes:
        content = good(name)
        content["contexts"].append({"name": "spare", "context": {"cluster": "nowhere", "user": name}})
        return of(name, content)

    def named(name: str) -> str:
        return f"istio-remote-secret-{name}"

    run = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "/bin/touch", "args": ["/tmp/was-run"]}
    refused = frozenset({"remote-secret-refused"})
    ca_data = base64.b64encode(ca).decode()
    return [
        Beast(named("plain"), {"plain": of("plain")}, ("plain",)),
        Beast(
            "two-keys",
            {"key-a": of("key-a"), "key-b": b"", "key-c": of("key-c")},
            ("key-a", "key-c"),
            {"key-b": "kubeconfig is empty"},
            frozenset({"remote-secret-refused", "remote-secret-name", "remote-secret-annotation"}),
        ),
        Beast(
            "zz-duplicate",
            {"plain": of("plain")},
            checks=frozenset({"remote-secret-duplicate"}),
        ),
        Beast(named(own), {own: of(own)}, checks=frozenset({"remote-secret-own-cluster"})),
        Beast(
            named("exec"),
            {"exec": with_user("exec", exec=run)},
            (),
            {"exec": "exec is not allowed"},
            refused,
        ),
        Beast(
            named("token-file"),
            {"token-file": with_user("token-file", tokenFile="/etc/hostname")},
            (),
            {"token-file": "tokenFile is not allowed"},
            refused,
        ),
        Beast(
            named("key-file"),
            {"key-file": with_user("key-file", **{"client-certificate": "/etc/hosts", "client-key": "/etc/hosts"})},
            (),
            {"key-file": "clientKey is not allowed"},
            refused,
        ),
        Beast(
            named("broken"),
            {"broken": broken("broken")},
            (),
            {"broken": 'cluster "nowhere" was not found for context "spare"'},
            refused,
        ),
        Beast(
            named("contexts"),
            {"contexts": with_contexts("contexts", "second")},
            ("contexts",),
            checks=frozenset({"remote-secret-contexts"}),
        ),
        Beast(
            named("gone"),
            {"gone": with_contexts("gone", current="away")},
            (),
            {"gone": "context was not found for specified context: away"},
            refused,
        ),
        Beast(
            named("mislinked"),
            {"mislinked": of("plain")},
            ("mislinked",),
            checks=frozenset({"remote-secret-current-context"}),
        ),
        Beast(
            named("insecure"),
            {"insecure": with_cluster("insecure", **{"insecure-skip-tls-verify": True})},
            ("insecure",),
            checks=frozenset({"remote-secret-insecure"}),
        ),
        Beast(
            named("both"),
            {"both": with_cluster("both", **{"insecure-skip-tls-verify": True, "certificate-authority-data": ca_data})},
            (),
            {"both": "specifying a root certificates file with the insecure flag is not allowed"},
            refused,
        ),
        Beast(
            named("no-annotation"),
            {"no-annotation": of("no-annotation")},
            ("no-annotation",),
            checks=frozenset({"remote-secret-annotation"}),
            annotation=None,
        ),
        Beast(
            "another-name",
            {"misnamed": of("misnamed")},
            ("misnamed",),
            checks=frozenset({"remote-secret-annotation", "remote-secret-name"}),
            annotation="somebody-else",
        ),
        Beast(named("empty"), {}, annotation=None, checks=frozenset({"remote-secret-empty"})),
        Beast(
            named("junk"),
            {"junk": b"\xff\xfe\x00 no kubeconfig"},
            (),
            {"junk": "kubeconfig cannot be loaded: yaml:"},
            refused,
        ),
        Beast(
            named("no-date"),
            {"no-date": b"kind: 2026-99-99"},
            (),
            {"no-date": "kubeconfig cannot be loaded"},
            refused,
        ),
    ]
