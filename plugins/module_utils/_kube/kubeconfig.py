# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfigs: reading, merging as kubectl merges, and choosing a context.

Entries stay plain mappings; each remembers the folder that its relative paths are relative to.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Union

from .. import _yaml
from .._values import truth
from .errors import CredentialsError
from .files import Files
from .libraries import make_missing_library_error

_SECTIONS = ("clusters", "users", "contexts")
Source = Union[str, Mapping[str, Any]]  # noqa: UP007  # sanity refuses "|" at run time
"""One kubeconfig: the path of a file, its text (YAML or JSON), or its content."""


@dataclass(frozen=True)
class KubeconfigEntry:
    """A cluster, user or context: its fields, what messages call it, and the folder of the file that it was read from.

    Fields are read by their type, as kubectl does. Raises CredentialsError, naming the field and never its value.
    """

    value: Mapping[str, Any] = field(repr=False)
    folder: str = ""
    label: str = "the kubeconfig"

    def text(self, name: str, cluster: str) -> str:
        """A text; empty where it is absent."""
        value = self.value.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.make_error(name, value, "text", cluster)
        return value

    def texts(self, name: str, cluster: str) -> tuple[str, ...]:
        """A list of texts; empty where it is absent."""
        return self._list(name, str, "texts", cluster)

    def mapping(self, name: str, cluster: str) -> Mapping[str, Any]:
        """A mapping; empty where it is absent."""
        value = self.value.get(name)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise self.make_error(name, value, "a mapping", cluster)
        return value

    def mappings(self, name: str, cluster: str) -> tuple[Mapping[str, Any], ...]:
        """A list of mappings; empty where it is absent."""
        return self._list(name, Mapping, "mappings", cluster)

    def _list(self, name: str, kind: type, plural: str, cluster: str) -> tuple[Any, ...]:
        value = self.value.get(name)
        if value is None:
            return ()
        if not isinstance(value, (list, tuple)) or not all(isinstance(element, kind) for element in value):
            raise self.make_error(name, value, f"a list of {plural}", cluster)
        return tuple(value)

    def truth(self, name: str, cluster: str) -> bool:
        """A truth, also as text, which templates give; False where it is absent or empty."""
        value = self.value.get(name)
        if value is None or value == "":
            return False
        try:
            return truth(value, name)
        except ValueError:
            raise self.make_error(name, value, "true or false", cluster) from None

    def make_error(self, name: str, value: Any, expected: str, cluster: str) -> CredentialsError:
        """The error for a field of another type."""
        message = f"{name} of {self.label} is {_kind(value)}, and {expected} was expected"
        return CredentialsError(cluster, message, remedy="correct it there")


@dataclass(frozen=True)
class Kubeconfig:
    """What one or more kubeconfigs say together. ``origin`` is for messages, and holds no content."""

    origin: str
    current_context: str = ""
    clusters: Mapping[str, KubeconfigEntry] = field(default_factory=dict, repr=False)
    users: Mapping[str, KubeconfigEntry] = field(default_factory=dict, repr=False)
    contexts: Mapping[str, KubeconfigEntry] = field(default_factory=dict, repr=False)


class SelectedContext(NamedTuple):
    """One context with its cluster and its user (None: the context names none)."""

    context: str
    cluster_name: str
    cluster: KubeconfigEntry
    user_name: str
    user: KubeconfigEntry | None

    def __repr__(self) -> str:
        return f"SelectedContext(context={self.context!r}, cluster={self.cluster_name!r}, user={self.user_name!r})"


def split_sources(value: Any, home: str, *, cluster: str) -> list[Source]:
    """The single kubeconfigs that an option's value stands for. Raises CredentialsError for what stands for none.

    A mapping is inline content, as is text of more than one line or that begins with ``{``; other text is a path or
    several paths with ``:`` between (``;`` on Windows); a list holds any of them. ``~`` is ``home``.
    """
    if isinstance(value, Mapping):
        return [value]
    if isinstance(value, (list, tuple)):
        return [source for element in value for source in split_sources(element, home, cluster=cluster)]
    if not isinstance(value, (str, os.PathLike)):
        raise CredentialsError(
            cluster,
            f"kubeconfig is {_kind(value)}, and a path, several paths, or the content was expected",
            remedy="correct the option kubeconfig",
        )
    text = os.fspath(value)
    if _is_content(text):
        return [text]
    return [_expand(path.strip(), home) for path in text.split(os.pathsep) if path.strip()]


def path_of(sources: Sequence[Source]) -> str:
    """The path of the one file that they are; empty where it is content, or several files."""
    paths = [source for source in sources if isinstance(source, str) and not _is_content(source)]
    return paths[0] if len(sources) == len(paths) == 1 else ""


def read(sources: Sequence[Source], files: Files) -> Kubeconfig:
    """All of ``sources`` as one, as kubectl merges them: for each name, and for the current context, the first counts.

    Of several files those that do not exist are passed over, as kubectl does; at least one must exist. Raises
    CredentialsError where one cannot be read or is no kubeconfig; its text never shows content.
    """
    several = len(sources) > 1
    found = [_load(source, files) for source in sources if not (several and _is_absent_file(source))]
    origin = ":".join(_label(source) for source in sources)
    if not found:
        raise CredentialsError(
            files.cluster, f"none of the kubeconfigs {origin} exists", remedy="correct the option kubeconfig"
        )
    return merge(found, origin=origin)


def merge(kubeconfigs: Sequence[Kubeconfig], *, origin: str) -> Kubeconfig:
    """Several as one; the first to name something counts. Pure."""
    entries: dict[str, dict[str, KubeconfigEntry]] = {section: {} for section in _SECTIONS}
    for one in kubeconfigs:
        for section, known in entries.items():
            for name, entry in getattr(one, section).items():
                known.setdefault(name, entry)
    current = next((one.current_context for one in kubeconfigs if one.current_context), "")
    return Kubeconfig(origin, current, **entries)


def parse(content: Any, *, label: str, folder: str, cluster: str) -> Kubeconfig:
    """One kubeconfig from its content. Pure. Raises CredentialsError, naming ``label``, where it is none."""
    if not isinstance(content, Mapping) or not any(content.get(section) for section in _SECTIONS):
        raise CredentialsError(
            cluster,
            f"{label} is no kubeconfig: it has neither clusters nor contexts nor users",
            remedy="give the path or the content of a kubeconfig",
        )
    whole = KubeconfigEntry(content, folder, label)
    sections = {section: _entries(whole, section, cluster) for section in _SECTIONS}
    return Kubeconfig(label, whole.text("current-context", cluster), **sections)


def _entries(whole: KubeconfigEntry, section: str, cluster: str) -> dict[str, KubeconfigEntry]:
    """What a section names; what has no name cannot be meant."""
    elements = whole.value.get(section) or []
    if not isinstance(elements, (list, tuple)) or not all(isinstance(each, (Mapping, type(None))) for each in elements):
        raise whole.make_error(section, elements, "a list of mappings", cluster)
    entries: dict[str, KubeconfigEntry] = {}
    for element in elements:
        outer = KubeconfigEntry(element or {}, whole.folder, f"{section} in {whole.label}")
        name, single = outer.text("name", cluster), section[:-1]
        if name and name not in entries:
            body = outer.mapping(single, cluster)
            entries[name] = KubeconfigEntry(body, whole.folder, f"{single} {name} in {whole.label}")
    return entries


def select(config: Kubeconfig, context: str | None, *, cluster: str) -> SelectedContext:
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
    cluster_name, user_name = entry.text("cluster", cluster), entry.text("user", cluster)
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
    return SelectedContext(name, cluster_name, cluster_entry, user_name, user_entry)


def _load(source: Source, files: Files) -> Kubeconfig:
    label = f"the kubeconfig {_label(source)}"
    if isinstance(source, Mapping):
        return parse(source, label=label, folder="", cluster=files.cluster)
    if _is_content(source):
        content, folder = files.plain(source.encode("utf-8"), label), ""
    else:
        content, folder = files.read(source, "kubeconfig"), os.path.dirname(os.path.abspath(source))
    return parse(_document(content, label, files.cluster), label=label, folder=folder, cluster=files.cluster)


def _document(content: bytes, label: str, cluster: str) -> Any:
    if not _yaml.INSTALLED:
        raise make_missing_library_error(cluster, "PyYAML", "reading a kubeconfig", "No module named 'yaml'")
    try:
        return _yaml.load(content)
    except _yaml.NotYaml as error:
        raise CredentialsError(
            cluster, f"{label} cannot be read as YAML: {error}", remedy="correct or replace it"
        ) from None


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a mapping" if isinstance(value, Mapping) else "a list" if isinstance(value, (list, tuple)) else "of no type"


def _label(source: Source) -> str:
    return "(inline)" if isinstance(source, Mapping) or _is_content(source) else source


def _is_content(text: str) -> bool:
    return "\n" in text or text.lstrip().startswith("{")


def _is_absent_file(source: Source) -> bool:
    return isinstance(source, str) and not _is_content(source) and not os.path.exists(source)


def _expand(path: str, home: str) -> str:
    if home and (path == "~" or path.startswith("~/")):
        return home + path[1:]
    return os.path.expanduser(path)
