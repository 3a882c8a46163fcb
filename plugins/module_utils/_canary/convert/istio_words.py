# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields that Flagger knows of Istio's objects and of the Gateway API's (pkg/apis/istio/v1beta1). Pure.

They are handed over as they are written. Any other gets lost with Flagger, without a word.
"""

from __future__ import annotations

from typing import Any

from .manifest_reader import ANY, Shape

WHY_UNKNOWN = "it gets lost with Flagger; here it is handed over, and the API server refuses what it does not know"

STRING_MATCH: dict[str, Any] = dict.fromkeys(("exact", "prefix", "regex"))
_STRING_MATCHES = {ANY: STRING_MATCH}
_TEXTS = (None,)
_TEXT_MAP = {ANY: None}

MATCHES: Shape = (
    {
        **dict.fromkeys(("name", "port", "ignoreUriCase", "sourceNamespace")),
        **dict.fromkeys(("uri", "scheme", "method", "authority"), STRING_MATCH),
        **dict.fromkeys(("headers", "queryParams", "withoutHeaders"), _STRING_MATCHES),
        "sourceLabels": _TEXT_MAP,
        "gateways": _TEXTS,
    },
)

GATEWAY_REFERENCES: Shape = (dict.fromkeys(("group", "kind", "namespace", "name", "sectionName", "port")),)

REWRITE: Shape = dict.fromkeys(("uri", "authority", "type"))

RETRIES: Shape = dict.fromkeys(("attempts", "perTryTimeout", "retryOn"))

_HEADER_OPERATIONS = {"set": _TEXT_MAP, "add": _TEXT_MAP, "remove": _TEXTS}

HEADERS: Shape = {"request": _HEADER_OPERATIONS, "response": _HEADER_OPERATIONS}

CORS_POLICY: Shape = {
    **dict.fromkeys(("allowOrigin", "allowMethods", "allowHeaders", "exposeHeaders"), _TEXTS),
    "allowOrigins": (STRING_MATCH,),
    "maxAge": None,
    "allowCredentials": None,
}

_POLICY: dict[str, Any] = {
    "loadBalancer": {
        "simple": None,
        "warmupDurationSecs": None,
        "consistentHash": {
            **dict.fromkeys(("httpHeaderName", "useSourceIp", "minimumRingSize")),
            "httpCookie": dict.fromkeys(("name", "path", "ttl")),
        },
        "localityLbSetting": {
            "enabled": None,
            "distribute": ({"from": None, "to": {ANY: None}},),
            "failover": ({"from": None, "to": None},),
        },
    },
    "connectionPool": {
        "tcp": dict.fromkeys(("maxConnections", "connectTimeout")),
        "http": dict.fromkeys(
            (
                "h2UpgradePolicy",
                "http1MaxPendingRequests",
                "http2MaxRequests",
                "maxRequestsPerConnection",
                "maxRetries",
                "idleTimeout",
            )
        ),
    },
    "outlierDetection": dict.fromkeys(
        (
            "consecutiveErrors",
            "consecutiveGatewayErrors",
            "consecutive5xxErrors",
            "splitExternalLocalOriginErrors",
            "consecutiveLocalOriginFailures",
            "interval",
            "baseEjectionTime",
            "maxEjectionPercent",
            "minHealthPercent",
        )
    ),
    "tls": {
        **dict.fromkeys(("mode", "clientCertificate", "privateKey", "caCertificates", "sni")),
        "subjectAltNames": _TEXTS,
    },
}

TRAFFIC_POLICY: Shape = {
    **_POLICY,
    "portLevelSettings": ({**_POLICY, "port": dict.fromkeys(("number", "name"))},),
}
