# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the certificate of a server is verified, whichever server it is."""

from __future__ import annotations

import ssl


def make_client_context(
    *, verify: bool = True, authorities: bytes | None = None, system: bool = False
) -> ssl.SSLContext:
    """The TLS context of a client. ``authorities`` are PEM; ``system`` adds those of this machine, which also count
    where none is given. Raises ssl.SSLError or ValueError where ``authorities`` are no PEM.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # As Go: a certificate that has its name in the subject only is refused, before Helm refuses it.
    context.hostname_checks_common_name = False
    # As Go: an authority that is trusted need not be a root (https://github.com/kubernetes-client/python/issues/2160).
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if authorities is not None:
        # OpenSSL takes ASCII; comments around the certificates may hold anything.
        context.load_verify_locations(cadata=authorities.decode("ascii", "ignore"))
    if system or authorities is None:
        context.load_default_certs()
    return context
