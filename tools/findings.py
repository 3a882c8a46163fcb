# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/findings.md from the kinds of findings that the engine declares; with --check, fail where it is stale."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from ansible_collections.onemesh.istio.plugins.module_utils._findings import OPTION, FindingFamily, FindingKind

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/findings.md"
ENGINE = ROOT / "plugins/module_utils"
HEAD = """<!-- Made by tools/findings.py (make findings) from the finding_kinds.py of each room. Do not edit. -->

# Findings

A finding says what is wrong, where, and what to do about it. A task that is refused or fails has them in `findings`,
and its message has the same texts. The report of one cluster has the findings of that cluster.

| field | what it says |
|---|---|
| `check` | the slug of its kind, from the table below; it stays the same in later versions, or the changelog says so |
| `cluster` | the cluster that it is about; empty where it is about several, or about none, such as an option |
| `clusters` | all clusters that it is about, as a list |
| `severity` | `error` stops the operation, `warning` does not |
| `object` | the object or file that it is about; may be empty |
| `message` | what was expected and what was found |
| `remedy` | what to do next |

A remedy names options of the module. A role has the same option under its own prefix: `replace_root` of the module
`cacerts` is `trust_replace_root` of the role `trust`. Fields of a cluster, such as `api_server`, are host variables
with the prefix `cluster_`.

| slug | cause | remedy |
|---|---|---|
"""


def declared() -> list[FindingKind | FindingFamily]:
    """Every kind and family of the engine."""
    found: list[FindingKind | FindingFamily] = [OPTION]
    for path in sorted(ENGINE.rglob("*finding_kinds.py")):
        module = ".".join(path.relative_to(ENGINE).with_suffix("").parts)
        values = vars(importlib.import_module(f"ansible_collections.onemesh.istio.plugins.module_utils.{module}"))
        found += [value for value in values.values() if isinstance(value, (FindingKind, FindingFamily))]
    return found


def row(kind: FindingKind | FindingFamily) -> str:
    slug = f"{kind.prefix}-{kind.about}" if isinstance(kind, FindingFamily) else kind.slug
    return f"| `{slug}` | {kind.cause} | {kind.remedy} |"


def page() -> str:
    return HEAD + "\n".join(sorted(map(row, declared()))) + "\n"


def main() -> None:
    if sys.argv[1:] != ["--check"]:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        sys.exit("docs/findings.md is not what the engine declares: run make findings")


if __name__ == "__main__":
    main()
