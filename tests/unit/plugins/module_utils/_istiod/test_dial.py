# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What trying a kubeconfig says of a link."""

from __future__ import annotations

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._istiod.dial import (
    Dialled,
    Trouble,
    find_cause,
    trouble_of,
)
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import (
    CertificateRefused,
    CredentialsError,
    KubeError,
    ServerError,
    Throttled,
    Unauthorized,
    Unreachable,
)
from ansible_collections.onemesh.istio.plugins.module_utils._operations.link.plan import find_not_dialled

URL = "https://west.example"


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (CertificateRefused, "certificate"),
        (CredentialsError, "certificate"),
        (Unauthorized, "token"),
        (Unreachable, "unknown"),
        (ServerError, "unknown"),
        (Throttled, "unknown"),
    ],
)
def test_what_an_error_says_of_a_kubeconfig(error: type[KubeError], trouble: Trouble) -> None:
    assert trouble_of(error("west", "no")) == trouble


CAUSES: dict[str, tuple[Dialled, str, tuple[str, str] | None]] = {
    "it works": (Dialled(URL, uid="u"), "", None),
    "it takes the token and does not say who it is": (Dialled(URL), "", None),
    "another cluster": (
        Dialled(URL, uid="v"),
        "https://west.example is another cluster (UID v of kube-system) than west (UID u)",
        ("api-server-of-another", "error"),
    ),
    "another authority": (
        Dialled(URL, trouble="certificate", message="self-signed"),
        "from here the authority in its kubeconfig does not vouch for https://west.example: self-signed",
        ("api-server-certificate", "error"),
    ),
    "a token that is not accepted": (
        Dialled(URL, trouble="token"),
        "https://west.example does not accept its token: west was made anew, or the token was revoked",
        ("api-server-token", "error"),
    ),
    "no way there from here": (
        Dialled(URL, trouble="unknown", message="timed out"),
        "from here https://west.example does not answer (timed out)",
        ("api-server-not-tried", "warning"),
    ),
}


@pytest.mark.parametrize("case", CAUSES)
def test_why_a_link_does_not_work(case: str) -> None:
    dialled, words, expected = CAUSES[case]
    assert find_cause(dialled, "u", "west") == words
    finding = find_not_dialled("west", dialled, "u")
    assert (None if finding is None else (finding.check, finding.severity)) == expected
    if finding is not None:
        assert finding.cluster == "west"
        assert finding.message.endswith(words)
        assert finding.remedy.startswith("set api_server")
