# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that users name, also those that ansible-vault has encrypted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .._files import is_vaulted
from .errors import CredentialsError

Decrypt = Callable[[bytes], bytes]
"""What ansible-vault has encrypted, in plain. ValueError, with the reason, where no secret fits."""


class Encrypted(ValueError):
    """What ansible-vault has encrypted and nobody here can decrypt; ``remedy`` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def make_plain(content: bytes, decrypt: Decrypt | None) -> bytes:
    """``content``, decrypted where ansible-vault has encrypted it. Raises Encrypted.

    Only the controller knows the vault's secrets, so a module has no ``decrypt``.
    """
    if not is_vaulted(content):
        return content
    if decrypt is None:
        raise Encrypted(
            "is encrypted by ansible-vault, and a module cannot decrypt it",
            "run the task on the controller (connection: local, without async), or give a decrypted file",
        )
    try:
        return decrypt(content.lstrip())
    except ValueError as error:
        raise Encrypted(
            f"is encrypted by ansible-vault, and cannot be decrypted: {error}",
            "give the vault's password (--vault-id or --vault-password-file)",
        ) from None


@dataclass(frozen=True)
class Files:
    """Reads the files that say how ``cluster`` is reached."""

    cluster: str
    decrypt: Decrypt | None = field(default=None, repr=False)

    def read(self, path: str, what: str) -> bytes:
        """The plain content of a file that messages call ``what``. Raises CredentialsError."""
        try:
            with open(path, "rb") as stream:
                content = stream.read()
        except OSError as error:
            raise CredentialsError(
                self.cluster,
                f"cannot read {path} ({what}): {error.strerror}",
                remedy="correct the path or the file's mode",
            ) from None
        return self.plain(content, f"{path} ({what})")

    def plain(self, content: bytes, label: str) -> bytes:
        """``content``, decrypted where ansible-vault has encrypted it. Raises CredentialsError."""
        try:
            return make_plain(content, self.decrypt)
        except Encrypted as error:
            raise CredentialsError(self.cluster, f"{label} {error}", remedy=error.remedy) from None
