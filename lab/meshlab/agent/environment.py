"""Environment and arguments of a container, as a kubelet makes them. Pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

JSON = dict[str, Any]
Lookup = Callable[[str], "JSON | None"]
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")
_REFERENCE = re.compile(r"\$\$|\$\(([^()]+)\)")


class MissingObject(Exception):
    """A configMap or secret, or a key of it, that the pod needs is not there (yet)."""


def field_value(pod: JSON, path: str, *, pod_ip: str, host_ip: str) -> str:
    """Value of a fieldRef; metadata.labels and .annotations whole give k="v" lines, sorted. Raises ValueError."""
    metadata, spec = pod["metadata"], pod["spec"]
    subscript = _SUBSCRIPT.fullmatch(path)
    if subscript:
        value: str = (metadata.get(subscript[1]) or {}).get(subscript[2], "")
        return value
    if path in ("metadata.labels", "metadata.annotations"):
        pairs = metadata.get(path.partition(".")[2]) or {}
        return "\n".join(f"{key}={json.dumps(pairs[key], ensure_ascii=False)}" for key in sorted(pairs))
    plain = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata.get("namespace", ""),
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName") or "default",
        "status.podIP": pod_ip,
        "status.podIPs": pod_ip,
        "status.hostIP": host_ip,
        "status.hostIPs": host_ip,
    }
    if path not in plain:
        raise ValueError(f"fieldRef {path!r} is not known")
    found: str = plain[path]
    return found


def expand(text: str, known: Mapping[str, str]) -> str:
    """$(NAME) by its value, $$ by $; an unknown name stays as it is."""

    def replaced(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return known.get(match[1], match[0])

    return _REFERENCE.sub(replaced, text)


def environment(
    container: JSON,
    field: Callable[[str], str],
    config_map: Lookup,
    secret: Lookup,
    base: Mapping[str, str],
) -> dict[str, str]:
    """All variables of the container over `base`. Resource references are left out: a lab has no limits.

    Raises MissingObject for a reference that is not optional.
    """
    found = dict(base)
    for source in container.get("envFrom") or []:
        prefix = source.get("prefix", "")
        for reference, lookup in (("configMapRef", config_map), ("secretRef", secret)):
            if reference in source:
                values = _values(reference, source[reference], lookup)
                found.update({prefix + key: value for key, value in values.items()})
    for entry in container.get("env") or []:
        value = _value(entry, field, config_map, secret)
        if value is not None:
            found[entry["name"]] = expand(value, found) if "valueFrom" not in entry else value
    return found


def arguments(container: JSON, entrypoint: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """The command line: command (else the image's entrypoint) and args, expanded."""
    command = container.get("command") or entrypoint
    return [expand(each, known) for each in [*command, *(container.get("args") or [])]]


def _value(entry: JSON, field: Callable[[str], str], config_map: Lookup, secret: Lookup) -> str | None:
    source = entry.get("valueFrom")
    if source is None:
        return entry.get("value") or ""
    if "fieldRef" in source:
        return field(source["fieldRef"]["fieldPath"])
    for reference, lookup in (("configMapKeyRef", config_map), ("secretKeyRef", secret)):
        if reference in source:
            chosen = source[reference]
            values = _values(reference, chosen, lookup)
            if chosen["key"] in values:
                return values[chosen["key"]]
            if chosen.get("optional"):
                return None
            raise MissingObject(f"{reference} {chosen['name']} has no key {chosen['key']}")
    return None


def _values(reference: str, chosen: JSON, lookup: Lookup) -> dict[str, str]:
    found = lookup(chosen["name"])
    if found is None:
        if chosen.get("optional"):
            return {}
        raise MissingObject(f"{reference} {chosen['name']} not found")
    data: dict[str, str] = found.get("data") or {}
    if reference.startswith("secret"):
        return {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()}
    return data
