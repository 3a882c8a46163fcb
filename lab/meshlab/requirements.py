"""What the machine must have before a lab is touched. Each finding says what to do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from .errors import LabError

# Program -> Debian package that has it.
_PROGRAMS = {"ip": "iproute2", "iptables": "iptables", "nsenter": "util-linux", "unshare": "util-linux"}
BUILD_BYTES = 6 * 2**30


def findings(user: int, which: Callable[[str], str | None]) -> list[str]:
    """All that is missing to run a lab, at once. Pure but for `which`."""
    found = []
    if user != 0:
        found.append("a lab makes network namespaces and must run as root: run it with sudo -E, or in a root shell")
    missing = {program: package for program, package in _PROGRAMS.items() if which(program) is None}
    if missing:
        packages = " ".join(sorted(set(missing.values())))
        found.append(
            f"{', '.join(missing)} not found in PATH: install them (Debian, Ubuntu: apt-get install {packages})"
        )
    return found


def check() -> None:
    """Raises LabError with everything that is missing."""
    # Debian keeps iptables and ip in /usr/sbin, which not every shell has in PATH.
    search = os.environ.get("PATH", "")
    if "/usr/sbin" not in search.split(":"):
        os.environ["PATH"] = f"{search}:/usr/sbin:/sbin"
    found = findings(os.geteuid(), shutil.which)
    if found:
        raise LabError("\n".join(found))


def check_space(folder: Path, needed: int = BUILD_BYTES) -> None:
    """Raises LabError when the disk of `folder` has less than `needed` bytes free."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise LabError(
            f"{folder}: {free / 2**30:.1f} GiB free, the build needs about {needed / 2**30:.0f} GiB: "
            "free some space, or set XDG_CACHE_HOME and GOCACHE to folders on a larger disk"
        )
