# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._files import check_writable, is_vaulted, write_whole


@pytest.fixture(params=[0o022, 0o077, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_has_its_mode_whatever_the_umask_and_the_file_before_it(tmp_path: Path, umask: int, mode: int) -> None:
    path = tmp_path / "file"
    path.touch(mode=0o666)
    write_whole(path, "ü\n", mode=mode)
    assert (path.read_text(encoding="utf-8"), stat.S_IMODE(path.stat().st_mode)) == ("ü\n", mode)
    assert os.listdir(tmp_path) == ["file"]


def test_without_a_mode_the_umask_says_who_reads_it(tmp_path: Path, umask: int) -> None:
    write_whole(tmp_path / "file", "", mode=None)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~umask


def test_what_fails_leaves_the_file_as_it_was_and_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("before")
    with pytest.raises(UnicodeEncodeError):
        write_whole(tmp_path / "file", "\ud800")
    assert (tmp_path / "file").read_text() == "before"
    assert os.listdir(tmp_path) == ["file"]


def test_a_path_in_the_current_folder_and_a_long_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_whole("n" * 255, "long")
    assert Path("n" * 255).read_text() == "long"


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("folder", IsADirectoryError),
        ("none/file", FileNotFoundError),
        ("occupied/file", NotADirectoryError),
    ],
)
def test_what_cannot_be_written_is_known_before(tmp_path: Path, path: str, error: type[OSError]) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "occupied").touch()
    with pytest.raises(error):
        check_writable(tmp_path / path)
    with pytest.raises(error):
        write_whole(tmp_path / path, "")
    assert sorted(os.listdir(tmp_path)) == ["folder", "occupied"]


def test_what_can_be_written_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("before")
    check_writable(tmp_path / "file")
    check_writable(tmp_path / "new")
    assert (os.listdir(tmp_path), (tmp_path / "file").read_text()) == (["file"], "before")


@pytest.mark.parametrize(
    ("content", "vaulted"),
    [
        (b"$ANSIBLE_VAULT;1.1;AES256\n00", True),
        (b"\n $ANSIBLE_VAULT;1.2;AES256;id\n00", True),
        (b"$ANSIBLE_VAULT", False),
        (b"a: $ANSIBLE_VAULT;1.1", False),
        (b"", False),
    ],
)
def test_a_vaulted_file(content: bytes, vaulted: bool) -> None:
    assert is_vaulted(content) is vaulted
