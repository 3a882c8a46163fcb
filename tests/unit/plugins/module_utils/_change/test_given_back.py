# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who owns which fields of an object once we have given it back."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._change.settle import restore_managed_fields
from ansible_collections.onemesh.istio.plugins.module_utils._ownership import FIELD_MANAGER, ownership_labels

REPLICA = ownership_labels("replicate")


def held(manager: str, operation: str, **spec: Any) -> dict[str, Any]:
    fields = {"f:spec": {f"f:{name}": inner for name, inner in spec.items()}}
    return {"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields}


def manifest(*managers: dict[str, Any], labels: dict[str, str] | None = None, weight: int = 90) -> dict[str, Any]:
    return {"metadata": {"labels": labels or {}, "managedFields": list(managers)}, "spec": {"weight": weight}}


USERS = held("gitops", "Apply", http={}, hosts={})
USERS_REST = held("gitops", "Apply", hosts={})
EDITED = held("kubectl-edit", "Update", timeout={})
OURS = held(FIELD_MANAGER, "Update", http={})
APPLIED = held(FIELD_MANAGER, "Apply", http={}, hosts={"f:a": {}})
APPLIED_REST = held(FIELD_MANAGER, "Apply", hosts={"f:a": {}})


@pytest.mark.parametrize(
    ("original", "live", "expected"),
    [
        pytest.param(manifest(USERS), manifest(OURS, USERS_REST), [USERS], id="as before us, where nobody changed it"),
        pytest.param(
            manifest(USERS),
            manifest(OURS, USERS_REST, EDITED, weight=80),
            [USERS_REST, EDITED],
            id="as now without us, where somebody did",
        ),
        pytest.param(
            manifest(APPLIED, labels=REPLICA),
            manifest(APPLIED_REST, OURS, labels=REPLICA),
            [APPLIED],
            id="a replica stays one",
        ),
        pytest.param(
            manifest(APPLIED, labels=REPLICA),
            manifest(APPLIED_REST, OURS, EDITED, labels=REPLICA, weight=80),
            [APPLIED, EDITED],
            id="a replica that somebody changed stays one",
        ),
        pytest.param(
            manifest(USERS),
            manifest(APPLIED_REST, OURS, USERS_REST),
            [USERS],
            id="what was adopted and no longer has our labels is none",
        ),
        pytest.param(
            manifest(USERS, labels=REPLICA),
            manifest(OURS, USERS_REST, labels=REPLICA),
            [USERS],
            id="what has our labels and was never applied by us is none",
        ),
    ],
)
def test_fields_are_owned_as_before_us(
    original: dict[str, Any], live: dict[str, Any], expected: list[dict[str, Any]]
) -> None:
    assert restore_managed_fields(original, live) == expected
