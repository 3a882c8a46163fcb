"""Kubeconfigs of a cluster. Pure."""

from __future__ import annotations

import base64
from typing import Any

import yaml


def render(cluster: str, server: str, authority: bytes, certificate: bytes, key: bytes) -> str:
    """A kubeconfig with everything inside; cluster, context and user are named after the cluster."""
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": cluster,
        "clusters": [{"name": cluster, "cluster": {"server": server, "certificate-authority-data": _text(authority)}}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
        "users": [
            {
                "name": cluster,
                "user": {"client-certificate-data": _text(certificate), "client-key-data": _text(key)},
            }
        ],
    }
    return yaml.safe_dump(document, sort_keys=False)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
