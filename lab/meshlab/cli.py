"""The command line."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import build, control_plane, enter, faults, inventory, lab, requirements, snapshots, status
from .errors import LabError
from .layout import DEFAULT_LAB, ClusterLayout, Lab, home
from .pods import Pod, find
from .state import LabState, load

RUN = "MESHLAB_RUN"
"""Variable of the environment with the name of who starts a lab, for `down --started-by`."""


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    try:
        run: Callable[[argparse.Namespace], int] = given.run
        return run(given)
    except (LabError, RuntimeError, ValueError, OSError) as error:
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        advice = ": free some space, then run the same command again" if full else ""
        print(f"meshlab: {error}{advice}", file=sys.stderr)
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
    if given.source is not None:
        lab.up(_lab(given), _wish_of_snapshot(given), build.provide(_say), _say)
        return 0
    if given.clusters is None:
        raise LabError("up: name the clusters, `--clusters east,west`, or a snapshot, `--from NAME`")
    wish = lab.Wish(
        tuple(dict.fromkeys(name for name in given.clusters.split(",") if name)),
        None if given.network is None else given.network == "shared",
        dict(_pair(each) for each in given.region),
        _ports(given),
        os.environ.get(RUN, ""),
    )
    lab.up(_lab(given), wish, build.provide(_say), _say)
    return 0


def _wish_of_snapshot(given: argparse.Namespace) -> lab.Wish:
    contrary = {"--clusters": given.clusters, "--network": given.network, "--region": given.region}
    refused = [option for option, value in contrary.items() if value]
    if refused:
        raise LabError(f"--from: the snapshot decides that, leave out {', '.join(refused)}")
    snapshot = snapshots.find(given.source, control_plane.key(build.key()))
    return lab.from_snapshot(snapshot, _ports(given), os.environ.get(RUN, ""))


def _save(given: argparse.Namespace) -> int:
    requirements.check()
    # As Ctrl-C, so that what is paused meanwhile goes on.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _state(given)
    with lab.changing(_lab(given)):
        state = _state(given)
        made = snapshots.save(state, given.snapshot)
    _say(f"snapshot {made.name}: lab {state.lab.name} as it is, {_megabytes(made)} in {made.folder}")
    return 0


def _saved(given: argparse.Namespace) -> int:
    key = control_plane.key(build.key())
    if given.snapshot is not None:
        snapshots.find(given.snapshot, key)
    found = [each for each in snapshots.load_all() if given.snapshot in (None, each.name)]
    rows = [("NAME", "SAVED", "CLUSTERS", "SIZE", "")]
    for each in found:
        note = "" if each.key == key else "of other programs, charts or settings"
        rows.append((each.name, each.saved_at, ",".join(each.clusters), _megabytes(each), note))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        _say("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _forget(given: argparse.Namespace) -> int:
    snapshots.forget(given.snapshot)
    _say(f"snapshot {given.snapshot}: removed")
    return 0


def _files(given: argparse.Namespace) -> int:
    folder = _state(given).lab.files
    folder.mkdir(mode=0o700, exist_ok=True)
    print(folder)
    return 0


def _megabytes(snapshot: snapshots.Snapshot) -> str:
    return f"{snapshots.size(snapshot) / 2**20:.0f} MiB"


def _down(given: argparse.Namespace) -> int:
    requirements.check()
    if given.started_by is None:
        lab.down(_lab(given), _say)
    elif given.name is not None:
        raise LabError("--name and --started-by: give one of them")
    elif not given.started_by:
        raise LabError(f"--started-by: name a run, as {RUN} did when its labs were started")
    else:
        lab.down_started_by(home(), given.started_by, _say)
    return 0


def _inventory(given: argparse.Namespace) -> int:
    print(inventory.render(_state(given)), end="")
    return 0


def _kubeconfig(given: argparse.Namespace) -> int:
    print(_cluster(given).kubeconfig)
    return 0


def _status(given: argparse.Namespace) -> int:
    state = _state(given)
    clusters = status.collect(state)
    print("\n".join(status.render(state, clusters, faults.load(state.lab))))
    return 0 if all(each.healthy for each in clusters) else 1


def _exec(given: argparse.Namespace) -> int:
    requirements.check()
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    if not command:
        raise LabError("no command: write it after --, e.g. `meshlab exec east default/sleep -- curl http://echo`")
    cluster = _cluster(given)
    enter.execute(cluster, _pod(given), command, Path(_state(given).binaries))


def _begin(given: argparse.Namespace) -> int:
    fault = _fault(given)
    with lab.changing(_lab(given)):
        faults.begin(_state(given), fault)
    _say(f"{fault}: set; `meshlab fault clear` undoes it")
    return 0


def _finish(given: argparse.Namespace) -> int:
    fault = _fault(given)
    with lab.changing(_lab(given)):
        undone = faults.finish(_state(given), fault)
    _say(f"{fault}: {'undone' if undone else 'was not set'}")
    return 0


def _clear(given: argparse.Namespace) -> int:
    requirements.check()
    with lab.changing(_lab(given)):
        undone = faults.clear(_state(given))
    _say("\n".join(f"{each}: undone" for each in undone) or "no fault was set")
    return 0


def _kill(given: argparse.Namespace) -> int:
    requirements.check()
    pod = _pod(given)
    pids = faults.kill(_cluster(given), pod)
    _say(f"pod {pod}: killed {', '.join(map(str, pids))}")
    return 0


def _fault(given: argparse.Namespace) -> faults.Fault:
    requirements.check()
    if given.kind == faults.PARTITION:
        for name in (given.cluster, given.other):
            _layout(given, name)
        return faults.partition(given.cluster, given.other)
    cluster = _cluster(given).name
    if given.kind == faults.UNREADY:
        pod = _pod(given)
        return faults.Fault(given.kind, (cluster,), pod=str(pod), uid=pod.uid)
    milliseconds, silent = getattr(given, "milliseconds", 0), getattr(given, "silent", False)
    return faults.Fault(given.kind, (cluster,), milliseconds=milliseconds, silent=silent)


def _pod(given: argparse.Namespace) -> Pod:
    cluster = _cluster(given)
    return find(control_plane.api(cluster, _state(given).clusters[cluster.name]), cluster.name, given.pod)


def _lab(given: argparse.Namespace) -> Lab:
    return Lab(given.name or DEFAULT_LAB, home())


def _state(given: argparse.Namespace) -> LabState:
    wanted = _lab(given)
    state = load(wanted)
    if state is None:
        raise LabError(f"lab {wanted.name} does not run: start it with `meshlab up --clusters east,west`")
    return state


def _cluster(given: argparse.Namespace) -> ClusterLayout:
    return _layout(given, given.cluster)


def _layout(given: argparse.Namespace, cluster: str) -> ClusterLayout:
    state = _state(given)
    if cluster not in state.clusters:
        raise LabError(f"lab {state.lab.name} has no cluster {cluster}; it has {', '.join(state.clusters)}")
    return state.layout(cluster)


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not (name and separator and value):
        raise LabError(f"{text!r}: write NAME=VALUE, where NAME is a cluster")
    return name, value


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise LabError(f"port {text!r}: write a number from 1 to 65535")
    return int(text)


def _ports(given: argparse.Namespace) -> dict[str, int]:
    return {name: _port(value) for name, value in map(_pair, given.port)}


def _milliseconds(text: str) -> int:
    number = int(text)
    if not 0 < number <= 60_000:
        raise argparse.ArgumentTypeError("1 to 60000 milliseconds")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="meshlab", description="Real clusters on this machine, without containers.")
    parser.set_defaults(name=None)
    _add_name(parser)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    building = commands.add_parser("build", help="build the programs into the user's cache, or show where they are")
    building.set_defaults(run=_build)
    starting = _add(commands, "up", _up, "start a lab, add clusters to it, or finish an interrupted start")
    starting.add_argument("--clusters", metavar="A,B[,C...]")
    starting.add_argument("--from", dest="source", metavar="NAME", help="a snapshot, see `save`")
    starting.add_argument("--network", choices=("shared", "separate"), help="default: separate")
    starting.add_argument("--region", action="append", default=[], metavar="CLUSTER=REGION")
    starting.add_argument("--port", action="append", default=[], metavar="CLUSTER=PORT", help="API server on 127.0.0.1")
    _add(commands, "status", _status, "show what runs; ends with 1 when something should run and does not")
    ending = _add(commands, "down", _down, "end every process of the lab and remove all it made")
    ending.add_argument("--started-by", metavar="RUN", help=f"all labs that were started while {RUN} was RUN")
    saving = _add(commands, "save", _save, "keep the lab as a snapshot, for `up --from NAME`; the lab runs on")
    saving.add_argument("snapshot", metavar="NAME")
    listing = commands.add_parser("saved", help="list the snapshots; with NAME: ends with 1 when it cannot be used")
    listing.add_argument("snapshot", nargs="?", metavar="NAME")
    listing.set_defaults(run=_saved)
    forgetting = commands.add_parser("forget", help="remove a snapshot")
    forgetting.add_argument("snapshot", metavar="NAME")
    forgetting.set_defaults(run=_forget)
    _add(commands, "files", _files, "print a folder that comes and goes with the lab, and is kept in its snapshots")
    _add(commands, "inventory", _inventory, "print the Ansible inventory of the lab")
    _add(commands, "kubeconfig", _kubeconfig, "print the path of a cluster's kubeconfig", "cluster")
    entering = _add(commands, "exec", _exec, "run a command in a pod's network namespace", "cluster", "pod")
    entering.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    breaking = commands.add_parser("fault", help="break something, and mend it")
    _add_name(breaking)
    _add_faults(breaking)
    return parser


def _add_faults(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="FAULT")
    down, up = "connections to the API server are reset", "undo api-down"
    _add(commands, "api-down", _begin, down, "cluster").set_defaults(kind=faults.API_DOWN)
    _add(commands, "api-up", _finish, up, "cluster").set_defaults(kind=faults.API_DOWN)
    delay = _add(commands, "api-delay", _begin, "a longer round trip to the API server, from outside", "cluster")
    delay.add_argument("milliseconds", type=_milliseconds)
    delay.set_defaults(kind=faults.API_DELAY)
    cut = _add(commands, "partition", _begin, "no packet passes between two clusters", "cluster", "other")
    cut.set_defaults(kind=faults.PARTITION)
    heal = _add(commands, "heal", _finish, "undo partition", "cluster", "other")
    heal.set_defaults(kind=faults.PARTITION)
    _add(commands, "kill", _kill, "kill -9 of a pod's processes", "cluster", "pod")
    unready = _add(commands, "unready", _begin, "report a pod as not Ready", "cluster", "pod")
    unready.set_defaults(kind=faults.UNREADY)
    ready = _add(commands, "ready", _finish, "undo unready", "cluster", "pod")
    ready.set_defaults(kind=faults.UNREADY)
    gateway = _add(commands, "gateway-down", _begin, "the east-west gateway's port 15443 is closed", "cluster")
    gateway.add_argument("--silent", action="store_true", help="packets vanish, instead of being refused")
    gateway.set_defaults(kind=faults.GATEWAY_DOWN)
    gateway_up = _add(commands, "gateway-up", _finish, "undo gateway-down", "cluster")
    gateway_up.set_defaults(kind=faults.GATEWAY_DOWN)
    _add(commands, "clear", _clear, "undo all faults")


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
    *positional: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run)
    _add_name(parser)
    for each in positional:
        parser.add_argument(each, metavar="NAMESPACE/POD" if each == "pod" else each.upper())
    return parser


def _add_name(parser: argparse.ArgumentParser) -> None:
    # Without a default, which a command would set over what was given before it.
    parser.add_argument("--name", default=argparse.SUPPRESS, metavar="LAB", help=f"which lab (default: {DEFAULT_LAB})")


if __name__ == "__main__":
    sys.exit(main())
