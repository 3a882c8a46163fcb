# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Third-party libraries: their absence is told when they are needed, with the Python that lacks them."""

from __future__ import annotations

import platform
import sys

from .errors import CredentialsError


def make_missing_library_error(cluster: str, library: str, purpose: str, import_error: str) -> CredentialsError:
    """The error to raise where ``library`` could not be imported; ``import_error`` is the traceback of the attempt."""
    python = f"{platform.node()}'s Python {sys.executable}"
    return CredentialsError(
        cluster,
        f"{purpose} needs the Python library {library} on {python}: {import_error.strip().splitlines()[-1]}",
        remedy=f"install {library} for that Python, or set ansible_python_interpreter to one that has it",
    )
