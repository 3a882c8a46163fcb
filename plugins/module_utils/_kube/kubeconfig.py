# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfigs: reading, merging as kubectl merges, and choosing a context.

Entries stay plain mappings; each remembers the folder that its relative paths are relative to.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Union

from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import CredentialsError
from ansible_collections.onemesh.istio.plugins.module_utils._kube.libraries import missing_library

try:
    import yaml

    # PyYAML without libyaml has no CSafeLoader; it is about ten times slower.
    _LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    _YAML_IMPORT_ERROR = ""
except ImportError:
    _YAML_IMPORT_ERROR = traceback.format_exc()

Source = Union[str, Mapping[str, Any]]  # noqa: UP007  # sanity refuses "|" at run time
"""One kubeconfig: the path of a file, its text (YAML or JSON), or its content."""


class Entry(NamedTuple):
    """A cluster, user or context with the folder of the file that it was read from."""

    value: Mapping[str, Any]
    folder: str


@dataclass(frozen=True)
class Kubeconfig:
    """What one or more kubeconfigs say together. ``origin`` is for messages, and holds no content."""

    origin: str
    current_context: str = ""
    clusters: Mapping[str, Entry] = field(default_factory=dict, repr=False)
    users: Mapping[str, Entry] = field(default_factory=dict, repr=False)
    contexts: Mapping[str, Entry] = field(default_factory=dict, repr=False)


class Selection(NamedTuple):
    """One context with its cluster and its user (None: the context names none)."""

    context: str
    cluster_name: str
    cluster: Entry
    user_name: str
    user: Entry | None

    def __repr__(self) -> str:
        return f"Selection(context={self.context!r}, cluster={self.cluster_name!r}, user={self.user_name!r})"


def split_sources(value: Any, home: str) -> list[Source]:
    """The single kubeconfigs that an option's value stands for.

    A mapping is inline content, as is text of more than one line or that begins with ``{``; other text is a path or
    several paths with ``:`` between (``;`` on Windows); a list holds any of them. ``~`` is ``home``.
    """
    if isinstance(value, Mapping):
        return [value]
    if isinstance(value, (list, tuple)):
        return [source for element in value for source in split_sources(element, home)]
    text = os.fspath(value)
    if "\n" in text or text.lstrip().startswith("{"):
        return [text]
    return [_expand(path.strip(), home) for path in text.split(os.pathsep) if path.strip()]


def read(sources: Sequence[Source], *, cluster: str) -> Kubeconfig:
    """All of ``sources`` as one, as kubectl merges them: for each name, and for the current context, the first counts.

    Of several files those that do not exist are passed over, as kubectl does; at least one must exist. Raises
    CredentialsError where one cannot be read or is no kubeconfig; its text never shows content.
    """
    several = len(sources) > 1
    found = [_load(source, cluster) for source in sources if not (several and _is_absent_file(source))]
    origin = ":".join(_label(source) for source in sources)
    if not found:
        raise CredentialsError(
            cluster, f"none of the kubeconfigs {origin} exists", remedy="correct the option kubeconfig"
        )
    return merge(found, origin=origin)


def merge(contents: Sequence[tuple[Mapping[str, Any], str]], *, origin: str) -> Kubeconfig:
    """Pairs of content and folder as one kubeconfig; the first to name something counts. Pure."""
    maps: dict[str, dict[str, Entry]] = {"clusters": {}, "users": {}, "contexts": {}}
    current = ""
    for content, folder in contents:
        current = current or str(content.get("current-context") or "")
        for section, entries in maps.items():
            for element in content.get(section) or []:
                if isinstance(element, Mapping) and element.get("name"):
                    body = element.get(section[:-1])
                    entries.setdefault(str(element["name"]), Entry(body if isinstance(body, Mapping) else {}, folder))
    return Kubeconfig(origin, current, maps["clusters"], maps["users"], maps["contexts"])


def select(config: Kubeconfig, context: str | None, *, cluster: str) -> Selection:
    """The context asked for, or the current one. Pure. Raises CredentialsError naming what there is instead."""
    name = context or config.current_context
    existing = ", ".join(config.contexts) or "none"
    if not name:
        raise CredentialsError(
            cluster,
            f"the kubeconfig {config.origin} has no current-context and no context was given",
            remedy=f"set context to one of: {existing}",
        )
    entry = config.contexts.get(name)
    if entry is None:
        raise CredentialsError(
            cluster,
            f"the kubeconfig {config.origin} has no context {name}",
            remedy=f"set context to one of: {existing}",
        )
    cluster_name, user_name = str(entry.value.get("cluster") or ""), str(entry.value.get("user") or "")
    cluster_entry, user_entry = config.clusters.get(cluster_name), config.users.get(user_name)
    if cluster_entry is None:
        raise CredentialsError(
            cluster,
            f"context {name} of the kubeconfig {config.origin} names the cluster {cluster_name or '(none)'}, "
            f"which it does not have",
            remedy=f"correct the context; clusters there: {', '.join(config.clusters) or 'none'}",
        )
    if user_name and user_entry is None:
        raise CredentialsError(
            cluster,
            f"context {name} of the kubeconfig {config.origin} names the user {user_name}, which it does not have",
            remedy=f"correct the context; users there: {', '.join(config.users) or 'none'}",
        )
    return Selection(name, cluster_name, cluster_entry, user_name, user_entry)


def _load(source: Source, cluster: str) -> tuple[Mapping[str, Any], str]:
    if isinstance(source, Mapping):
        return source, ""
    label = _label(source)
    if label == source:
        try:
            with open(source, encoding="utf-8") as stream:
                text = stream.read()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise CredentialsError(
                cluster, f"cannot read the kubeconfig {source}: {reason}", remedy="correct the option kubeconfig"
            ) from None
        return _parse(text, label, cluster), os.path.dirname(os.path.abspath(source))
    return _parse(source, label, cluster), ""


def _parse(text: str, label: str, cluster: str) -> Mapping[str, Any]:
    if _YAML_IMPORT_ERROR:
        raise missing_library(cluster, "PyYAML", "reading a kubeconfig", _YAML_IMPORT_ERROR)
    try:
        content = yaml.load(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        # The parser's own message quotes the text, which may hold a token.
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise CredentialsError(
            cluster, f"the kubeconfig {label} is not YAML{line}", remedy="correct or replace it"
        ) from None
    if not isinstance(content, Mapping) or not any(content.get(key) for key in ("clusters", "contexts", "users")):
        raise CredentialsError(
            cluster,
            f"{label} is no kubeconfig: it has neither clusters nor contexts nor users",
            remedy="give the path or the content of a kubeconfig",
        )
    return content


def _label(source: Source) -> str:
    if isinstance(source, Mapping) or "\n" in source or source.lstrip().startswith("{"):
        return "(inline)"
    return source


def _is_absent_file(source: Source) -> bool:
    return isinstance(source, str) and _label(source) == source and not os.path.exists(source)


def _expand(path: str, home: str) -> str:
    if home and (path == "~" or path.startswith("~/")):
        return home + path[1:]
    return os.path.expanduser(path)
