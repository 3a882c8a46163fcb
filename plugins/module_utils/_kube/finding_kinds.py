# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of findings of ``_kube``. docs/findings.md is made of them."""

from __future__ import annotations

from .._findings import FindingKind

CREDENTIALS_UNUSABLE = FindingKind(
    "credentials-unusable",
    "The credentials cannot be used: an option, the environment or the kubeconfig is wrong.",
    "Correct what the message names.",
)
LIST_EXPIRED = FindingKind(
    "list-expired",
    "The API server no longer keeps the version that was asked for.",
    "Run again.",
)
NOT_AUTHENTICATED = FindingKind(
    "not-authenticated",
    "The API server does not know the account.",
    "Get new credentials.",
)
NOT_FOUND = FindingKind(
    "not-found",
    "What was asked for is not there.",
    "Create it, or correct its name.",
)
REQUEST_FAILED = FindingKind(
    "request-failed",
    "A request to the API server failed.",
    "Do what the message says.",
)
SERVER_ERROR = FindingKind(
    "server-error",
    "The API server, or a webhook that it has to ask, failed.",
    "See their logs.",
)
THROTTLED = FindingKind(
    "throttled",
    "The API server asks for fewer requests.",
    "Run again later.",
)
