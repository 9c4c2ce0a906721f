"""A container engine of the tests' own: podman with private storage, and Compose's own binary on its Docker socket.

No registry is asked. Where the Dockerfile says `python:X.Y.Z-slim-SUITE`, a minimal Debian SUITE with its own Python
X.Y stands in, bootstrapped from the mirror that this machine's apt uses; packages come from a wheel folder that this
machine's pip has filled, so that builds need no network.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import resource
import secrets
import shutil
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from typing import Any, Self

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
COMPOSE_FILE = ROOT / "docker" / "compose.yaml"
DOCKERFILE = ROOT / "docker" / "Dockerfile"
PROGRAMS = ("podman", "runc", "mmdebstrap", "apt-get")
HELPERS = ("netavark", "aardvark-dns")
HELPER_FOLDERS = "/usr/lib/podman:/usr/libexec/podman:/usr/bin"
SLIM = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("doc", "locale", "man")]
STOP_S = 20.0
INFRA = "localhost/infra:1"


class CannotHostError(Exception):
    """Why containers cannot be had here."""


class Engine:
    """`with Engine(folder) as engine:` has an engine with the base image; leaving it removes all that was made."""

    def __init__(self, folder: Path) -> None:
        _check_host()
        self._folder = folder
        self._socket = folder / "podman.sock"
        self.environment = {
            **os.environ,
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "DOCKER_HOST": f"unix://{self._socket}",
            "DOCKER_CONFIG": str(folder),
            "TAILGATE_SECRET": secrets.token_hex(16),
        }
        self._service: subprocess.Popen[bytes] | None = None
        self._over = threading.Event()

    def __enter__(self) -> Self:
        self._configure()
        try:
            self._make_base()
        except subprocess.CalledProcessError as problem:
            self._remove_all()
            raise CannotHostError(f"{problem.cmd[0]}: {problem.stderr.strip()[-300:]}") from problem
        command = ["podman", "system", "service", "--time=0", f"unix://{self._socket}"]
        with (self._folder / "service.log").open("wb") as log:
            self._service = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        self._healer = threading.Thread(target=self._check_health)
        self._healer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._healer.join()
        with contextlib.suppress(subprocess.CalledProcessError):
            self.compose("down", "--volumes", "--timeout", "5")
        if self._service is not None:
            self._service.terminate()
            self._service.wait(STOP_S)
        self._remove_all()

    def _remove_all(self) -> None:
        self._ran("podman", "pod", "rm", "--all", "--force", check=False)
        self._ran("podman", "rm", "--all", "--force", check=False)
        self._ran("umount", str(self._folder / "store" / "overlay"), check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def podman(self, *arguments: str) -> str:
        """Run podman; give what it printed. Raises CalledProcessError."""
        return self._ran("podman", *arguments).stdout.strip()

    def compose(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Compose on the project's file. Raises CalledProcessError where that is not to be looked at."""
        return self._ran(_compose_program(), "--file", str(COMPOSE_FILE), *arguments, check=check)

    def play(self, network: str, objects: list[dict[str, Any]]) -> None:
        """Make Kubernetes objects of a pod real; return when its init containers have ended."""
        text = yaml.safe_dump_all(objects)
        command = ("podman", "kube", "play", f"--network={network}", "-")
        subprocess.run(command, env=self.environment, input=text, capture_output=True, text=True, check=True)

    def keep_secret(self, name: str, value: str) -> None:
        """Give the engine a secret for pods."""
        command = ("podman", "secret", "create", name, "-")
        subprocess.run(command, env=self.environment, input=value, capture_output=True, text=True, check=True)

    def volume(self, name: str) -> Path:
        """Give the folder that holds a volume."""
        return Path(self.podman("volume", "inspect", "--format", "{{.Mountpoint}}", name))

    def _ran(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=check)

    def _configure(self) -> None:
        at = self._folder
        (at / "config.json").write_text("{}")
        (at / "storage.conf").write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{at}/store"\nrunroot = "{at}/run"\n'
        )
        # cgroupfs and runc work without systemd and on any cgroup layout. Podman's own limits may be above this
        # process's, which only some may raise.
        (at / "containers.conf").write_text(
            f"[containers]\ndefault_ulimits = {_limits()}\n"
            '[engine]\ncgroup_manager = "cgroupfs"\nruntime = "runc"\nevents_logger = "file"\n'
            f'infra_image = "{INFRA}"\n'
            f'[network]\nnetwork_backend = "netavark"\nnetwork_config_dir = "{at}/networks"\n'
        )

    def _make_base(self) -> None:
        """Bootstrap the stand-in and fill the wheel folder, both at once; then put one into the other."""
        image, python, suite = base_image()
        context = self._folder / "base"
        context.mkdir()
        with subprocess.Popen(_bootstrap(suite, context / "base.tar"), stderr=subprocess.PIPE, text=True) as bootstrap:
            self._ran(*_download(python, context))
            complaint = bootstrap.communicate()[1]
        if bootstrap.returncode:
            raise CannotHostError(f"mmdebstrap: {complaint.strip()[-300:]}")
        self.podman("import", str(context / "base.tar"), image)
        (context / "base.tar").unlink()
        (context / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels\n")
        (context / "Containerfile").write_text(f"FROM {image}\nCOPY wheels /wheels\nCOPY pip.conf /etc/pip.conf\n")
        self.podman("build", "--network=none", "--pull=never", f"--tag={image}", str(context))
        self.podman("run", "--rm", "--network=none", image, "python3", "-c", "import venv")
        # What holds a pod's network open; podman's own needs a program that Debian packs apart.
        (context / "Containerfile").write_text(f'FROM {image}\nENTRYPOINT ["sleep", "infinity"]\n')
        self.podman("build", "--network=none", "--pull=never", f"--tag={INFRA}", str(context))

    def _check_health(self) -> None:
        """Run health checks until they succeed; podman leaves them to systemd's timers, which may not be here."""
        starting = ("podman", "ps", "--quiet", "--filter=health=starting")
        while not self._over.wait(1):
            for name in self._ran(*starting, check=False).stdout.split():
                self._ran("podman", "healthcheck", "run", name, check=False)


def base_image() -> tuple[str, str, str]:
    """Give the Dockerfile's base image, its Python X.Y and its Debian suite."""
    found = re.search(r"^FROM (python:(\d+\.\d+)\.\d+-slim-([a-z]+)) ", DOCKERFILE.read_text(), re.MULTILINE)
    assert found
    return f"docker.io/library/{found[1]}", found[2], found[3]


def _check_host() -> None:
    if os.geteuid() != 0:
        raise CannotHostError("podman of one's own with a bridge network needs root here")
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    missing += [name for name in HELPERS if not shutil.which(name, path=HELPER_FOLDERS)]
    if missing:
        raise CannotHostError(f"not installed: {', '.join(missing)}")
    if not Path(_compose_program()).exists():
        raise CannotHostError("docker-compose is not installed: pip install 'tailgate[live]'")


def _limits() -> str:
    """Give limits for containers that need not raise anything here, neither ours nor those podman sets for itself."""
    wanted = {"nofile": (resource.RLIMIT_NOFILE, 65536), "nproc": (resource.RLIMIT_NPROC, 8192)}
    hard = {name: (resource.getrlimit(number)[1], most) for name, (number, most) in wanted.items()}
    given = {
        name: most if limit == resource.RLIM_INFINITY else min(limit, most) for name, (limit, most) in hard.items()
    }
    return json.dumps([f"{name}={limit}:{limit}" for name, limit in given.items()])


def _compose_program() -> str:
    return str(Path(sys.executable).with_name("docker-compose"))


def _bootstrap(suite: str, archive: Path) -> list[str]:
    """Give the command that makes the stand-in: what an official slim image has, and Debian's own Python."""
    packages = "--include=python3,python3-venv,ca-certificates"
    return ["mmdebstrap", "--quiet", "--variant=minbase", packages, *SLIM, suite, str(archive), _mirror()]


def _mirror() -> str:
    """Give the mirror that apt uses."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    mirrors = [uri for uri in listed if re.search(r"/debian/?$", uri)]
    if not mirrors:
        raise CannotHostError("apt has no mirror of Debian")
    return mirrors[0]


def _download(python: str, context: Path) -> list[str]:
    """Give the command that fetches wheels of all that the images hold, for another Python than this one."""
    constraints = context / "constraints.txt"
    constraints.write_text("".join(f"{line}\n" for line in _constraints(python)))
    machine = platform.machine()
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in (28, 17)] + [
        f"--platform=manylinux2014_{machine}"
    ]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tools = re.findall(r"\S+==[\d.]+", DOCKERFILE.read_text())
    load = (ROOT / "docker" / "load.txt").read_text().splitlines()
    wanted = [*project["dependencies"], *tools, *(line for line in load if not line.startswith("#"))]
    options = ["--quiet", "--disable-pip-version-check", f"--dest={context / 'wheels'}", f"--constraint={constraints}"]
    only = [f"--python-version={python}", "--only-binary=:all:", *platforms]
    return [sys.executable, "-m", "pip", "download", *options, *only, *wanted]


def _constraints(python: str) -> list[str]:
    """Give the constraints that hold for a Python; pip would judge them by the Python that it runs on."""
    there = {"python_version": python, "python_full_version": f"{python}.0"}
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [Requirement(line.strip()) for line in lines]
    return [f"{pin.name}{pin.specifier}" for pin in pins if pin.marker is None or pin.marker.evaluate(there)]
