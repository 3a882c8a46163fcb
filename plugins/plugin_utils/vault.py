# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that ansible-vault has encrypted, decrypted with the secrets that Ansible was given."""

from __future__ import annotations

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible_collections.onemesh.istio.plugins.module_utils._kube.files import Decrypt


def decrypting(loader: DataLoader) -> Decrypt:
    """A function that decrypts in memory: the loader's own public way writes a file."""

    def decrypt(content: bytes) -> bytes:
        try:
            return bytes(loader._decrypt_if_vault_data(content)[0])
        except AnsibleError as error:
            raise ValueError(" ".join(str(error).split())) from None

    return decrypt
