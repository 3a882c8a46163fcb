# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How files are written, and how one of ansible-vault is known.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path

PRIVATE = 0o600

_VAULT = b"$ANSIBLE_VAULT;"


def is_vaulted(content: bytes) -> bool:
    """Whether ansible-vault has encrypted a file with this content."""
    return content.lstrip().startswith(_VAULT)


def write_whole(path: str | Path, content: str, *, mode: int | None = PRIVATE) -> None:
    """Write a file whole or not at all: beside it first, with its mode from its first byte. Raises OSError.

    Without a ``mode`` the user's umask says who may read it.
    """
    partial = _beside(path)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            if mode is not None:
                # A umask takes away from what was asked for above.
                os.fchmod(descriptor, mode)
            stream.write(content)
        os.replace(partial, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(partial)
        raise


def check_writable(path: str | Path) -> None:
    """Raises OSError where ``write_whole`` would, a full disk aside; leaves nothing behind."""
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    partial = _beside(path)
    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
    os.unlink(partial)


def _beside(path: str | Path) -> str:
    return os.path.join(os.path.dirname(path), f".onemesh-{secrets.token_hex(8)}")
