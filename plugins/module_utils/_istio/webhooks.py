# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which istiods the webhooks of a configuration call. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_SERVICE = re.compile(r"istiod(-[a-z0-9.-]+)?|istio-(galley|pilot|sidecar-injector)")
"""istiod, its revisions, and what did its work before 1.5."""
_PATHS = ("/inject", "/validate", "/admit")


def list_services_called(configuration: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Namespace and name of each Service of an istiod that a validating or mutating configuration calls."""
    services = [
        (webhook.get("clientConfig") or {}).get("service") or {} for webhook in configuration.get("webhooks") or ()
    ]
    return list(
        dict.fromkeys(
            (str(service.get("namespace") or ""), str(service.get("name") or ""))
            for service in services
            if _SERVICE.fullmatch(str(service.get("name") or "")) and str(service.get("path") or "").startswith(_PATHS)
        )
    )
