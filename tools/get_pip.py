"""Stands in for get-pip.py, which ansible-test fetches from the network: the pip that Python bundles does the same."""

from __future__ import annotations

import ensurepip
import glob
import os
import sys

bundled = os.path.join(os.path.dirname(ensurepip.__file__), "_bundled", "pip-*.whl")
sys.path.insert(0, glob.glob(bundled)[0])

from pip._internal.cli.main import main  # noqa: E402  # the wheel is on the path only now

arguments = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
sys.exit(main(["install", *arguments]))
