# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operation ``cacerts``: the certificate authority of each cluster's istiod, as Secret ``cacerts``.

All clusters are judged before one is written to. The root's key is opened only to see whether the passphrase is the
right one; it goes to no cluster, and no key is ever shown.
"""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..._cluster import FLEET_ARGUMENT_SPEC, Cluster, fleet_of_parameters
from ..._files import is_vaulted
from ..._finding_kinds import NOT_REACHABLE
from ..._findings import Finding, MeshError, errors
from ..._fleet import Fleet, Member, findings_of
from ..._guard import claim
from ..._istio import names
from ..._istio.authority import OPAQUE, ClusterAuthority
from ..._istio.trust import (
    HAS_CRYPTOGRAPHY,
    Bundle,
    BundleReport,
    CertificateFacts,
    check_bundle,
    is_encrypted,
    open_key,
    read_certificate_facts,
    repair,
)
from ..._kube.files import Decrypt, Encrypted, make_plain
from ..._kube.kinds import CONFIG_MAP, POD, SECRET
from ..._ownership import FIELD_MANAGER, is_ours, owned
from ..._summary.hunks import Hunk, merge_hunks
from ..._summary.lines import name_some
from ..._summary.summary import ClusterSummary, Summary
from ..finding_kinds import (
    FILE_UNREADABLE,
    LIBRARY_MISSING,
    TRUST_BUNDLE_MISSING,
    TRUST_IN_USE,
    TRUST_KEY_MODE,
    TRUST_NOT_OURS,
    TRUST_NOT_REMOVED,
    TRUST_NOT_WRITTEN,
)
from ..operation import Context, fleet_of
from .plan import (
    ROOT_DIRECTORY,
    ROOT_KEY_FILE,
    CacertsStep,
    Store,
    find_shared_keys,
    plan_generation,
    plan_present,
    with_root_as_it_stands,
)

_FILES = {
    "ca_cert": names.CA_CERT_KEY,
    "ca_key": names.CA_KEY_KEY,
    "root_cert": names.ROOT_CERT_KEY,
    "cert_chain": names.CERT_CHAIN_KEY,
}
"""Option -> key of the Secret, which is also the name of the file in a store."""

_BUNDLE_OPTIONS: dict[str, dict[str, Any]] = {
    "cluster": {"type": "str", "required": True},
    **{option: {"type": "path", "no_log": False} for option in _FILES},
    **{f"{option}_content": {"type": "str", "no_log": option == "ca_key"} for option in _FILES},
}

ARGUMENT_SPEC: dict[str, Any] = {
    **FLEET_ARGUMENT_SPEC,
    "directory": {"type": "path"},
    "bundles": {
        "type": "list",
        "elements": "dict",
        "options": _BUNDLE_OPTIONS,
        "mutually_exclusive": [(option, f"{option}_content") for option in _FILES],
    },
    "state": {"type": "str", "choices": ["present", "absent", "checked"], "default": "present"},
    "replace_root": {"type": "bool", "default": False},
    "adopt": {"type": "bool", "default": False},
    "passphrase": {"type": "str", "no_log": True},
    "min_days": {"type": "int", "default": 30},
}
READING_STATES = ("checked",)
MUTUALLY_EXCLUSIVE = [("directory", "bundles")]
REQUIRED_IF = [
    ("state", "present", ("directory", "bundles"), True),
    ("state", "checked", ("directory", "bundles"), True),
]

_COMPONENT = "trust"

MOMENT = "batch"


def run(parameters: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Bring ``cacerts`` to its state on all clusters. Raises MeshError with all findings before anything is written."""
    if not HAS_CRYPTOGRAPHY:
        raise MeshError(
            "The Python library cryptography is missing.",
            [
                Finding(
                    "",
                    LIBRARY_MISSING,
                    "certificates cannot be checked without it",
                    "install cryptography (40 or newer) for the Python that Ansible runs with",
                )
            ],
        )
    if parameters["state"] == "absent":
        return _run_absent(fleet_of(parameters, context), parameters, context)
    clusters = fleet_of_parameters(parameters["clusters"])
    signed = {name: _describe_signed(cluster) for name, cluster in clusters.items() if cluster.is_remote}
    authorities = {name: cluster for name, cluster in clusters.items() if not cluster.is_remote}
    if not authorities:
        return {"changed": False, "clusters": signed}
    result = _run_present(fleet_of(parameters, context, authorities), parameters, context)
    return {**result, "clusters": {**result["clusters"], **signed}}


def _describe_signed(cluster: Cluster) -> dict[str, Any]:
    """A remote, whose certificates the istiod of its primary signs."""
    return {"changed": False, "action": "keep", "restart_required": False, "control_plane": cluster.control_plane}


def _run_present(fleet: Fleet, parameters: Mapping[str, Any], context: Context) -> dict[str, Any]:
    now = datetime.now(timezone.utc)
    passphrase = parameters["passphrase"] or ""
    given, findings = _read_bundles(fleet, parameters, context.decrypt)
    store = read_store(Path(parameters["directory"]), passphrase) if parameters["directory"] is not None else None
    findings += find_shared_keys(
        {**(store.bundles if store else {}), **{name: one.bundle for name, one in given.items()}},
        fleet.names,
        passphrase,
    )
    lives, unreachable = _read(fleet, parameters)
    findings += unreachable
    bundles, reports = {}, {}
    for name in fleet.names:
        if name in given:
            bundle = repair(given[name].bundle, passphrase)
            bundles[name] = with_root_as_it_stands(lives[name], bundle) if name in lives else bundle
            reports[name] = check_bundle(
                bundles[name],
                now,
                cluster=name,
                min_days=parameters["min_days"],
                passphrase=passphrase,
                files=given[name].files,
            )
    result: dict[str, Any] = {"changed": False}
    if store is not None and parameters["state"] == "checked":
        generation = plan_generation(
            store,
            lives,
            reports,
            now=now,
            min_days=parameters["min_days"],
            replace_root=parameters["replace_root"],
            passphrase=passphrase,
        )
        findings += generation.findings
        result["generate"] = {
            "root": generation.root,
            "intermediates": list(generation.intermediates),
            "renew": list(generation.renew),
            "root_days_left": generation.root_days_left,
            "encrypt": list(generation.encrypt),
            "modes": [
                {"path": path, "mode": f"{mode:04o}"} for path, mode in _find_wide(Path(store.directory)).items()
            ],
        }
        judged = [name for name in lives if name not in generation.intermediates]
    else:
        judged = list(lives)
    steps = {
        name: plan_present(
            lives[name],
            bundles[name],
            reports[name],
            replace_root=parameters["replace_root"],
            adopt=parameters["adopt"],
        )
        for name in judged
        if name in bundles
    }
    for step in steps.values():
        findings += [finding for finding in step.findings if finding not in findings]
    result["clusters"] = {
        name: _facts(steps.get(name), lives.get(name), reports.get(name), now) for name in fleet.names
    }
    result["findings"] = [finding.as_dict() for finding in findings]
    if errors(findings):
        for part in result["clusters"].values():
            part["changed"] = False
        raise MeshError("The certificate authorities were not written.", errors(findings), result)
    result["warnings"] = [str(finding) for finding in findings] + _list_restarts(steps)
    if parameters["state"] == "checked":
        return result
    changing = [name for name, step in steps.items() if step.changes]
    outcomes = fleet.each(
        lambda member: _write(member, lives[member.name], bundles[member.name], context),
        deadline=5 * parameters["request_timeout"],
        only=changing,
    )
    written = [name for name, outcome in outcomes.items() if outcome.error is None]
    result["changed"] = bool(written)
    result["diff"] = merge_hunks(_make_hunk(lives[name], reports[name]) for name in written)
    for name in changing:
        result["clusters"][name]["changed"] = name in written
    failures = findings_of(outcomes, TRUST_NOT_WRITTEN)
    if failures:
        raise MeshError("Not all certificate authorities could be written.", failures, result)
    return result


def summarize(parameters: Mapping[str, Any], result: Mapping[str, Any], *, foretold: bool) -> Summary:
    """Pure."""
    checked = parameters["state"] == "checked"
    parts = result.get("clusters", {})
    late = ", ".join(name for name, part in parts.items() if part.get("restart_required"))
    return Summary(
        "cacerts",
        "looked at, and nothing written" if checked else "",
        unit="certificate authority",
        foretold=foretold,
        clusters={name: _summarize_cluster(part, checked=checked) for name, part in parts.items()},
        facts=tuple(_tell_generation(result.get("generate") or {})),
        following=(f"restart istiod of {late}, which goes on with what it had: role control_plane does",)
        if late
        else (),
    )


def _summarize_cluster(part: Mapping[str, Any], *, checked: bool) -> ClusterSummary:
    if "control_plane" in part:
        return ClusterSummary("left out", f"its certificates are signed by the istiod of {part['control_plane']}")
    written = part["changed"] and not checked
    secret = (f"Secret {names.CA_SECRET}",)
    facts = {
        each: f"{part[each]['subject']} until {part[each]['not_after']} ({part[each]['days_left']} days)"
        for each in ("intermediate", "root")
        if each in part
    }
    return ClusterSummary(
        looked_at=1,
        made=secret if written and part["action"] == "create" else (),
        changed=secret if written and part["action"] == "update" else (),
        removed=secret if written and part["action"] == "delete" else (),
        facts=facts,
    )


def _tell_generation(generate: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is to be made in the store."""
    if not generate:
        return
    due = [
        *(["a root"] if generate["root"] else []),
        *(f"an intermediate for {name}" for name in generate["intermediates"]),
    ]
    yield "to be made", ", ".join(due) or "nothing"
    for label, paths in (
        ("open keys", generate["encrypt"]),
        ("open files", [each["path"] for each in generate["modes"]]),
    ):
        if paths:
            yield label, name_some(paths)


def _list_restarts(steps: Mapping[str, CacertsStep]) -> list[str]:
    return [
        f"{name}: istiod does not use this certificate authority until it is restarted -> kubectl rollout restart its "
        "Deployment, then the workloads where the root is another one"
        for name, step in steps.items()
        if step.restart
    ]


def _read(fleet: Fleet, parameters: Mapping[str, Any]) -> tuple[dict[str, ClusterAuthority], list[Finding]]:
    outcomes = fleet.each(read_live, deadline=5 * parameters["request_timeout"])
    lives = {name: outcome.value for name, outcome in outcomes.items() if outcome.value is not None}
    return lives, findings_of(outcomes, NOT_REACHABLE)


def read_live(member: Member) -> ClusterAuthority:
    """What the cluster has of certificate authorities. Raises KubeError where it does not answer."""
    client, namespace = member.client, member.cluster.istio_namespace
    return ClusterAuthority(
        cluster=member.name,
        namespace=namespace,
        secret=client.find(SECRET, names.CA_SECRET, namespace),
        self_signed=client.find(SECRET, names.SELF_SIGNED_CA_SECRET, namespace),
        distributed=client.find(CONFIG_MAP, names.ROOT_CONFIG_MAP, namespace),
        istiods=tuple(pod["metadata"]["name"] for pod in client.list(POD, namespace, label_selector="app=istiod")),
    )


@dataclass(frozen=True)
class _Given:
    """What was given for one cluster, and from which files (key of the Secret -> path)."""

    bundle: Bundle
    files: Mapping[str, str]


def _read_bundles(
    fleet: Fleet, parameters: Mapping[str, Any], decrypt: Decrypt | None
) -> tuple[dict[str, _Given], list[Finding]]:
    """What is given, also for clusters that the task does not address: they are compared with those that it does."""
    if parameters["directory"] is not None:
        directory = Path(parameters["directory"])
        found = {
            name: _Given(_bundle_of(directory / name), {key: str(directory / name / key) for key in _FILES.values()})
            for name in fleet.names
        }
        # With state checked they are in generate.modes, for whoever keeps the store to put them right.
        looked_at = fleet.names if parameters["state"] == "present" else ()
        modes = [mode for name in looked_at for mode in _check_key_modes(name, directory / name / names.CA_KEY_KEY)]
        return found, modes
    given: dict[str, _Given] = {}
    findings: list[Finding] = []
    for element in parameters["bundles"] or ():
        name = element["cluster"]
        parts, files = {}, {}
        for option, key in _FILES.items():
            content = (element.get(f"{option}_content") or "").encode()
            if element.get(option):
                files[key] = str(element[option])
                content = _bytes_of(Path(element[option]))
            try:
                parts[option] = make_plain(content, decrypt)
            except Encrypted as error:
                raise _make_unreadable_error(name, f"{files.get(key, key)} {error}", error.remedy) from None
        given[name] = _Given(Bundle(**parts), files)
        if element.get("ca_key") and name in fleet:
            findings += _check_key_modes(name, Path(element["ca_key"]))
    findings += [
        Finding(
            name,
            TRUST_BUNDLE_MISSING,
            "no certificate authority was given for the cluster",
            "give its four files",
        )
        for name in fleet.names
        if name not in given
    ]
    return given, findings


def _bytes_of(path: Path) -> bytes:
    """Empty where there is no such file: what is missing is reported as missing."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError as error:
        raise _make_unreadable_error("", f"{path}: {error.strerror}", "give the user of Ansible access") from error


def _make_unreadable_error(cluster: str, message: str, remedy: str) -> MeshError:
    return MeshError("A file cannot be read.", [Finding(cluster, FILE_UNREADABLE, message, remedy)])


def _check_key_modes(cluster: str, path: Path) -> list[Finding]:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return []
    # In a repository others may read what they cannot decrypt.
    if not mode & 0o077 or is_vaulted(_bytes_of(path)):
        return []
    return [
        Finding(
            cluster,
            TRUST_KEY_MODE,
            f"{path} may be read by others than its owner (mode {mode:04o})",
            f"chmod 600 {path}",
            "warning",
            str(path),
        )
    ]


def _find_wide(directory: Path) -> dict[str, int]:
    """Directories and keys of a store that others than its owner may use, with the mode that they should have."""
    wanted: dict[Path, int] = {}
    if directory.is_dir():
        parts = (*_FILES.values(), ROOT_KEY_FILE)
        inner = [entry for entry in sorted(directory.iterdir()) if any((entry / part).exists() for part in parts)]
        folders = [directory, *inner] if inner else []
        keys = [folder / part for folder in inner for part in (names.CA_KEY_KEY, ROOT_KEY_FILE)]
        wanted = {**dict.fromkeys(folders, 0o700), **{key: 0o600 for key in keys if key.is_file()}}
    return {str(path): mode for path, mode in wanted.items() if stat.S_IMODE(path.stat().st_mode) & ~mode}


def read_store(directory: Path, passphrase: str = "") -> Store:
    """The store of ``directory``: ``root/`` and one directory for each cluster."""
    root = directory / ROOT_DIRECTORY
    others = [entry for entry in directory.iterdir() if entry.is_dir()] if directory.is_dir() else []
    bundles = {entry.name: _bundle_of(entry) for entry in sorted(others) if entry.name != ROOT_DIRECTORY}
    root_key_file = root / ROOT_KEY_FILE
    paths = {ROOT_DIRECTORY: root_key_file, **{name: directory / name / names.CA_KEY_KEY for name in bundles}}
    keys = {ROOT_DIRECTORY: _bytes_of(root_key_file), **{name: bundle.ca_key for name, bundle in bundles.items()}}
    opened: dict[str, str] = {}
    locked: dict[str, str] = {}
    for name, pem in keys.items():
        try:
            opened[name] = open_key(pem, passphrase)
        except ValueError as error:
            if is_encrypted(pem):
                locked[name] = str(error)
    return Store(
        directory=str(directory),
        root_cert=_bytes_of(root / names.ROOT_CERT_KEY),
        has_root_key=os.path.exists(root_key_file),
        bundles=bundles,
        root_key=opened.get(ROOT_DIRECTORY, ""),
        locked=locked,
        unprotected=tuple(str(paths[name]) for name in opened if not is_encrypted(keys[name])),
    )


def _bundle_of(directory: Path) -> Bundle:
    return Bundle(**{option: _bytes_of(directory / key) for option, key in _FILES.items()})


def make_manifest(namespace: str, bundle: Bundle) -> dict[str, Any]:
    """Secret ``cacerts`` with exactly its four keys, as ours."""
    parts = {key: getattr(bundle, option) for option, key in _FILES.items()}
    return owned(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": names.CA_SECRET, "namespace": namespace},
            "type": OPAQUE,
            "data": {key: base64.b64encode(content).decode() for key, content in parts.items()},
        },
        _COMPONENT,
    )


def _write(member: Member, live: ClusterAuthority, bundle: Bundle, context: Context) -> None:
    client, namespace = member.client, live.namespace
    if not context.check_mode:
        claim(client, member.identity)
    stale = [key for key in ((live.secret or {}).get("data") or {}) if key == names.ISTIO_GENERATED_KEY]
    if stale:
        # With this key istiod would go on to take the Secret for its own, and rotate the root in it.
        drop = {"data": dict.fromkeys(stale)}
        client.patch(SECRET, names.CA_SECRET, namespace, drop, field_manager=FIELD_MANAGER, dry_run=context.check_mode)
    client.apply(
        make_manifest(namespace, bundle),
        field_manager=FIELD_MANAGER,
        # The plan has said that it may be written; a hand that changed a part of it does not keep that part.
        force=True,
        dry_run=context.check_mode,
        planned_namespaces=(namespace,),
    )


def _run_absent(fleet: Fleet, parameters: Mapping[str, Any], context: Context) -> dict[str, Any]:
    lives, findings = _read(fleet, parameters)
    for live in lives.values():
        where = f"Secret {live.namespace}/{names.CA_SECRET}"
        if live.secret is not None and not is_ours(live.secret):
            findings.append(
                Finding(
                    live.cluster,
                    TRUST_NOT_OURS,
                    "it was made by something else",
                    "delete it yourself",
                    "error",
                    where,
                )
            )
        elif live.secret is not None and live.istiods:
            findings.append(
                Finding(
                    live.cluster,
                    TRUST_IN_USE,
                    f"istiod runs ({', '.join(live.istiods)}); at its next start it would sign a root of its own, "
                    "which no other cluster trusts",
                    "leave it while Istio stays; where Istio is to go too, playbook onemesh.istio.wipe deletes it "
                    "together with all that is Istio's on the cluster, its resource types and your objects of them",
                    "error",
                    where,
                )
            )
    if errors(findings):
        raise MeshError("The certificate authorities were not removed.", errors(findings))

    def delete(member: Member) -> bool:
        live = lives[member.name]
        if live.secret is None:
            return False
        uid = live.secret["metadata"]["uid"]
        return member.client.delete(SECRET, names.CA_SECRET, live.namespace, uid=uid, dry_run=context.check_mode)

    outcomes = fleet.each(delete, deadline=2 * parameters["request_timeout"])
    deleted = [name for name, outcome in outcomes.items() if outcome.value]
    result = {
        "changed": bool(deleted),
        "clusters": {
            name: {"changed": name in deleted, "action": "delete" if name in deleted else "keep"}
            for name in fleet.names
        },
        "diff": merge_hunks(_make_hunk(lives[name], None) for name in deleted),
    }
    failures = findings_of(outcomes, TRUST_NOT_REMOVED)
    if failures:
        raise MeshError("Not all certificate authorities could be removed.", failures, result)
    return result


def _facts(
    step: CacertsStep | None, live: ClusterAuthority | None, report: BundleReport | None, now: datetime
) -> dict[str, Any]:
    """What may be shown of one cluster's certificate authority."""
    facts: dict[str, Any] = {
        "changed": bool(step and step.changes),
        "action": step.action if step else "",
        "restart_required": bool(step and step.restart),
        "roots_in_use": {where: sorted(found) for where, found in live.find_roots().items()} if live else {},
    }
    if report is not None and report.ca is not None:
        facts["intermediate"] = _certificate(report.ca, now)
    if report is not None and report.roots:
        facts["root"] = _certificate(report.roots[0], now)
        facts["roots"] = list(report.root_fingerprints)
    return facts


def _certificate(found: CertificateFacts, now: datetime) -> dict[str, Any]:
    return {
        "subject": found.subject,
        "issuer": found.issuer,
        "serial": found.serial,
        "fingerprint": found.fingerprint,
        "not_before": f"{found.not_before:%Y-%m-%dT%H:%M:%SZ}",
        "not_after": f"{found.not_after:%Y-%m-%dT%H:%M:%SZ}",
        "days_left": found.days_left(now),
        "key": found.key,
    }


def _make_hunk(live: ClusterAuthority, report: BundleReport | None) -> Hunk:
    before: dict[str, Any] = {}
    if live.bundle is not None:
        for part in ("ca_cert", "root_cert"):
            found = _try_to_read(getattr(live.bundle, part))
            before.update(_show(part, found))
    after: dict[str, Any] = {}
    if report is not None:
        after = {**_show("ca_cert", report.ca), **_show("root_cert", report.roots[0])}
    return Hunk(live.cluster, f"Secret {live.namespace}/{names.CA_SECRET}", before, after)


def _try_to_read(pem: bytes) -> CertificateFacts | None:
    try:
        return read_certificate_facts(pem)[0]
    except ValueError:
        return None


def _show(part: str, found: CertificateFacts | None) -> dict[str, Any]:
    if found is None:
        return {part: "(unreadable)"}
    return {part: {"subject": found.subject, "sha256": found.fingerprint, "not_after": f"{found.not_after:%Y-%m-%d}"}}
