#!/usr/bin/env python3
"""Take some collections out of a wheel of the `ansible` package, without installing its other hundred.

Usage: unpack_collections.py WHEEL DESTINATION NAMESPACE.NAME [NAMESPACE.NAME ...]

Afterwards DESTINATION/ansible_collections/NAMESPACE/NAME exists for each and DESTINATION can stand in
ANSIBLE_COLLECTIONS_PATH. Exit code 1 if the wheel lacks one of them.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path


def unpack(wheel: Path, destination: Path, collections: list[str]) -> list[str]:
    """Unpack the named collections; return the names that the wheel does not hold."""
    missing = []
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        for collection in collections:
            prefix = "ansible_collections/" + collection.replace(".", "/") + "/"
            members = [name for name in names if name.startswith(prefix)]
            archive.extractall(destination, members)
            if not members:
                missing.append(collection)
    return missing


def main(arguments: list[str]) -> int:
    if len(arguments) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    wheel, destination, *collections = arguments
    missing = unpack(Path(wheel), Path(destination), collections)
    for collection in missing:
        print(f"{wheel} holds no collection {collection}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
