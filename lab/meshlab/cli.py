"""The command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from . import build, inventory, lab, requirements
from .errors import LabError
from .layout import DEFAULT_LAB, ClusterLayout, Lab, home
from .netns import CommandError
from .state import LabState, load


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    try:
        run: Callable[[argparse.Namespace], int] = given.run
        return run(given)
    except (LabError, CommandError, ValueError) as error:
        print(f"meshlab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("meshlab: interrupted; the same command again finishes, `meshlab down` removes all", file=sys.stderr)
        return 130


def _say(line: str) -> None:
    print(line, flush=True)


def _build(given: argparse.Namespace) -> int:
    programs = build.provide(_say)
    _say(f"programs: {programs.binaries}\ncharts: {programs.charts}")
    return 0


def _up(given: argparse.Namespace) -> int:
    requirements.check()
    wish = lab.Wish(
        tuple(dict.fromkeys(name for name in given.clusters.split(",") if name)),
        None if given.network is None else given.network == "shared",
        dict(_pair(each) for each in given.region),
        {name: _port(value) for name, value in map(_pair, given.port)},
    )
    lab.up(_lab(given), wish, build.provide(_say), _say)
    return 0


def _down(given: argparse.Namespace) -> int:
    requirements.check()
    lab.down(_lab(given), _say)
    return 0


def _inventory(given: argparse.Namespace) -> int:
    print(inventory.render(_state(given)), end="")
    return 0


def _kubeconfig(given: argparse.Namespace) -> int:
    print(_cluster(given).kubeconfig)
    return 0


def _lab(given: argparse.Namespace) -> Lab:
    return Lab(given.name, home())


def _state(given: argparse.Namespace) -> LabState:
    state = load(_lab(given))
    if state is None:
        raise LabError(f"lab {given.name} does not run: start it with `meshlab up --clusters east,west`")
    return state


def _cluster(given: argparse.Namespace) -> ClusterLayout:
    state = _state(given)
    if given.cluster not in state.clusters:
        raise LabError(f"lab {given.name} has no cluster {given.cluster}; it has {', '.join(state.clusters)}")
    return state.layout(given.cluster)


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not (name and separator and value):
        raise LabError(f"{text!r}: write NAME=VALUE, where NAME is a cluster")
    return name, value


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise LabError(f"port {text!r}: write a number from 1 to 65535")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="meshlab", description="Real clusters on this machine, without containers.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str, run: Callable[[argparse.Namespace], int], text: str, *, lab: bool = True
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(run=run)
        if lab:
            made.add_argument("--name", default=DEFAULT_LAB, metavar="LAB", help="which lab (default: %(default)s)")
        return made

    add("build", _build, "Build the programs into the user's cache, or show where they are.", lab=False)
    starting = add("up", _up, "Start a lab, add clusters to it, or finish an interrupted start.")
    starting.add_argument("--clusters", required=True, metavar="A,B[,C...]")
    starting.add_argument("--network", choices=("shared", "separate"), help="default: separate")
    starting.add_argument("--region", action="append", default=[], metavar="CLUSTER=REGION")
    starting.add_argument("--port", action="append", default=[], metavar="CLUSTER=PORT", help="API server on 127.0.0.1")
    add("down", _down, "End every process of the lab and remove all it made.")
    add("inventory", _inventory, "Print the Ansible inventory of the lab.")
    add("kubeconfig", _kubeconfig, "Print the path of a cluster's kubeconfig.").add_argument("cluster")
    return parser


if __name__ == "__main__":
    sys.exit(main())
