"""Lets `kubectl exec` run in the container: kwok with a /usr/bin of its own.

kwok runs the command of an Exec on the machine, as itself. So it is started by a wrapper in a mount namespace of its
own, where every program's path leads to one script that enters the container named by the Exec object's environment.
Without that environment the script runs nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from .containers import IMAGE_PROGRAMS

# Set by the Exec objects (debugging.py): record and launch plan of the container.
RECORD, PLAN = "MESHLAB_EXEC_RECORD", "MESHLAB_EXEC_PLAN"
_FOLDERS = ("/usr/local/bin", "/usr/sbin", "/usr/bin")
_SCRIPT = """#!{python} -IS
import os, sys
if "{record}" not in os.environ:
    sys.exit(os.path.basename(sys.argv[0]) + ": only in a container of the lab")
sys.path.append("{folder}")
import entry
sys.exit(entry.main(os.environ["{record}"], os.environ["{plan}"], sys.argv))
"""
_WRAPPER = """#!/bin/sh
# kwok, with paths of programs that lead into containers; mounts of the machine still appear.
exec unshare --mount --propagation slave -- /bin/sh -c '{mounts}PATH={path} exec {kwok} "$@"' kwok "$@"
"""


def install(directory: Path, kwok: Path) -> Path:
    """Write the scripts below `directory`; returns the wrapper to start instead of the program `kwok`."""
    folder = directory / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    script = directory / "shim"
    _executable(
        script,
        _SCRIPT.format(python=sys.executable, record=RECORD, plan=PLAN, folder=Path(__file__).parent),
    )
    for name in sorted(_names(_FOLDERS) | {Path(path).name for path in IMAGE_PROGRAMS}):
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(script)
    wanted = [(str(folder), each) for each in _FOLDERS if Path(each).is_dir()]
    interpreter = Path(sys.executable).resolve()
    if str(interpreter.parent) in _FOLDERS:
        # The scripts' own interpreter stays what it is.
        shown = folder / interpreter.name
        shown.unlink(missing_ok=True)
        shown.touch()
        wanted.insert(0, (str(interpreter), str(shown)))
    mounts = "".join(f"mount --rbind {source} {target} || exit 1; " for source, target in wanted)
    wrapper = directory / "kwok"
    _executable(wrapper, _WRAPPER.format(mounts=mounts, kwok=kwok, path=":".join(_FOLDERS)))
    return wrapper


def _names(folders: Iterable[str]) -> set[str]:
    return {name for folder in folders if os.path.isdir(folder) for name in os.listdir(folder)}


def _executable(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
