"""The container files, as linters, schemas and Compose itself read them; and what they promise about privileges."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml

from scenarios.scenario import load

ROOT = Path(__file__).parent.parent
DOCKER = ROOT / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
KUBERNETES = DOCKER / "kubernetes"
OVERLAYS = ("base", "simulated", "operator")
KEY_VARIABLES = {"OPENAI_API_KEY", "TAILGATE_SECRET"}
OPERATOR_KEYS = {"image", "workers", "args", "env", "locustfile", "master", "worker"}


def tool(name: str, extra: str) -> str:
    """Find a program of this environment; skip the test where it is not installed."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip(
            f"{name} is not installed: pip install 'tailgate[{extra}]'" if extra else f"{name} is not installed"
        )
    return found


def checked(*command: str | Path, **environment: str) -> str:
    """Run a checker, which must be content; give what it printed."""
    ended = subprocess.run(
        [*map(str, command)], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout + ended.stderr if ended.returncode else "") == (0, "")
    return ended.stdout


def manifests(overlay: str) -> list[dict[str, Any]]:
    """Give the objects of an overlay, rendered."""
    kubectl = tool("kubectl", "")
    return list(yaml.safe_load_all(checked(kubectl, "kustomize", KUBERNETES / overlay)))


def written() -> Iterator[dict[str, Any]]:
    """Give the objects as they stand in the files."""
    for path in sorted([*KUBERNETES.rglob("*.yaml"), DOCKER / "simulated" / "provider.k8s.yaml"]):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if "apiVersion" in document and "kustomize" not in document["apiVersion"]:
                yield document


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Give name and pod of each Job and Deployment."""
    for each in written():
        if each["kind"] in {"Job", "Deployment"}:
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]


def containers() -> Iterator[tuple[str, dict[str, Any]]]:
    """Give name and definition of each container."""
    for name, pod in pods():
        for each in [*pod.get("initContainers", []), *pod["containers"]]:
            yield f"{name}/{each['name']}", each


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """Give the Compose file as Compose resolves it."""
    command = (tool("docker-compose", "live"), "--file", DOCKER / "compose.yaml", "config", "--format", "json")
    resolved: dict[str, Any] = json.loads(checked(*command, TAILGATE_SECRET="x" * 32))
    return resolved


def test_hadolint_finds_nothing() -> None:
    """The Dockerfile follows the rules of hadolint, all of them."""
    checked(tool("hadolint", "dev"), "--failure-threshold", "style", DOCKER / "Dockerfile")


def test_every_image_from_elsewhere_is_pinned() -> None:
    """Each FROM names a stage of this file, or an image with a full version."""
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE))
    images = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) - stages
    version = re.compile(r"[\w/.-]+:\d+\.\d+\.\d+[\w.-]*(@sha256:\w{64})?")
    assert [image for image in images if not version.fullmatch(image)] == []


def test_every_install_is_pinned() -> None:
    """Packages come in versions that constraints.txt names, or that stand beside them, or are our own wheel."""
    installs = re.findall(r"pip install ([^\n&]+)", DOCKERFILE)
    pinned = ("--constraint constraints.txt", "==", "--no-deps /wheel/")
    assert [line for line in installs if not any(mark in line for mark in pinned)] == []


def test_targets_run_without_privileges_and_expose_nothing() -> None:
    """`load` and `report` stand on the stage that leaves root behind, and nothing after it goes back."""
    assert re.findall(r"^FROM (\S+) AS (?:load|report)$", DOCKERFILE, re.MULTILINE) == ["runtime", "runtime"]
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert re.findall(r"^(?:EXPOSE|ADD|VOLUME) .*$", DOCKERFILE, re.MULTILINE) == []


def test_the_build_sees_all_that_it_copies_and_little_else() -> None:
    """The .dockerignore begins with everything, and lets in what COPY names."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    allowed = [pattern.removeprefix("!") for pattern in patterns if pattern.startswith("!")]
    copies = re.findall(r"^COPY (?!--from)(?:--\S+ )?(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = [source for line in copies for source in line.split()]
    assert patterns[0] == "*"
    assert sorted({source for source in sources if not any(fnmatch(source, each) for each in allowed)}) == []
    assert [each for each in allowed if each not in sources] == []


def test_the_load_image_holds_what_the_load_imports() -> None:
    """docker/load.txt names the third-party packages that scenarios and locustfiles import, and no other."""
    modules = {
        module
        for path in [*(ROOT / "scenarios").rglob("*.py"), *(ROOT / "locustfiles").rglob("*.py")]
        for module in imported(path)
    }
    ours = {"scenarios", "locustfiles", "analysis"}
    distributions = packages_distributions()
    needed = {
        distribution.lower().replace("_", "-")
        for module in modules - ours - set(sys.stdlib_module_names) - {"pydantic_core"}  # pydantic brings its own
        for distribution in distributions[module]
    }
    lines = (DOCKER / "load.txt").read_text(encoding="utf-8").splitlines()
    listed = {line for line in lines if not line.startswith("#")}
    assert (sorted(needed - listed), sorted(listed - needed)) == ([], [])


def imported(path: Path) -> Iterator[str]:
    """Give the top-level names that a module imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def test_the_compose_file_keeps_its_schema() -> None:
    """The Compose specification's own JSON Schema has no complaint."""
    checked(tool("check-jsonschema", "dev"), "--builtin-schema", "vendor.compose-spec", DOCKER / "compose.yaml")


def test_compose_publishes_no_port_and_gives_no_privilege(compose: dict[str, Any]) -> None:
    """Every service is read-only, without capabilities, and unreachable from outside."""
    services = compose["services"]
    assert {name: service["ports"] for name, service in services.items() if service.get("ports")} == {}
    assert [name for name, service in services.items() if not service["read_only"]] == []
    assert [name for name, service in services.items() if service["cap_drop"] != ["ALL"]] == []
    assert [name for name, service in services.items() if "no-new-privileges:true" not in service["security_opt"]] == []
    assert services["report"]["network_mode"] == "none"


def test_compose_workers_are_as_many_as_the_master_expects() -> None:
    """WORKERS sets both."""
    program = tool("docker-compose", "live")
    text = checked(program, "--file", DOCKER / "compose.yaml", "config", "--format", "json", WORKERS="5")
    services = json.loads(text)["services"]
    assert services["worker"]["deploy"]["replicas"] == 5
    assert "--expect-workers=5" in services["master"]["command"]


def test_compose_services_follow_one_another(compose: dict[str, Any]) -> None:
    """Each service that others wait for has a health check, and the report comes after the master's success."""
    services = compose["services"]
    awaited = {
        (name, on, how["condition"])
        for name, service in services.items()
        for on, how in service.get("depends_on", {}).items()
    }
    assert awaited == {
        ("master", "provider", "service_healthy"),
        ("worker", "master", "service_healthy"),
        ("report", "worker", "service_started"),
        ("report", "master", "service_completed_successfully"),
    }
    watched = {name for name, service in services.items() if "healthcheck" in service}
    assert watched == {"provider", "master", "worker"}


def test_the_scenario_loads_what_the_provider_simulates() -> None:
    """Both files are scenarios, and each endpoint's URL is where the service `provider` serves it."""
    scenario = load(DOCKER / "simulated" / "scenario.yaml")
    provider = load(DOCKER / "simulated" / "provider.yaml")
    simulated = {name: f"http://provider:8080/{name}/v1" for name, each in provider.endpoints.items() if each.simulated}
    assert {name: endpoint.url for name, endpoint in scenario.endpoints.items()} == simulated


def test_the_scenario_of_the_kubernetes_base_is_one() -> None:
    """It names the variable that the pods get from the Secret."""
    scenario = load(KUBERNETES / "base" / "scenario.yaml", check_env=False)
    assert {endpoint.key_env for endpoint in scenario.endpoints.values()} <= KEY_VARIABLES


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubernetes_objects_keep_their_schema(overlay: str, tmp_path: Path) -> None:
    """Rendered, each object passes Kubernetes' own schema, unknown keys refused."""
    objects = [each for each in manifests(overlay) if each["kind"] != "LocustTest"]
    rendered = tmp_path / "objects.yaml"
    rendered.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
    checked(tool("kubernetes-validate", "live"), "--strict", rendered)


def test_written_kubernetes_objects_keep_their_schema(tmp_path: Path) -> None:
    """As they stand in the files too, for machines without kubectl."""
    objects = [each for each in written() if each["kind"] != "LocustTest"]
    path = tmp_path / "objects.yaml"
    path.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
    checked(tool("kubernetes-validate", "live"), "--strict", path)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_config_maps_and_services_that_pods_name_exist(overlay: str) -> None:
    """A rendered overlay is whole: volumes, claims and the master's address lead somewhere."""
    objects = manifests(overlay)
    there = {(each["kind"], each["metadata"]["name"]) for each in objects}
    wanted = set()
    for each in objects:
        pod = each.get("spec", {}).get("template", {}).get("spec", {})
        for volume in pod.get("volumes", []):
            wanted |= {("ConfigMap", volume["configMap"]["name"])} if "configMap" in volume else set()
            claim = volume.get("persistentVolumeClaim")
            wanted |= {("PersistentVolumeClaim", claim["claimName"])} if claim else set()
        for container in pod.get("containers", []):
            hosts = re.findall(r"--master-host=(\S+)", " ".join(container.get("args", [])))
            wanted |= {("Service", host) for host in hosts}
    assert wanted - there == set()


def test_pods_have_no_privileges() -> None:
    """What the restricted Pod Security Standard asks, a read-only root, no token, and limits."""
    assert len(list(pods())) == 3
    for name, pod in pods():
        assert (name, pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (name, False, False)
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for name, container in containers():
        assert (name, container["securityContext"]) == (
            name,
            {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
        )
        assert (name, sorted(container["resources"]["limits"])) == (name, ["cpu", "memory"])


def test_keys_are_references() -> None:
    """What holds a key takes it from the Secret, workers alone; where the operator allows none stands a refusal."""
    given = [(name, variable) for name, container in containers() for variable in container.get("env", [])]
    assert {variable["name"] for _, variable in given} == KEY_VARIABLES
    assert {name for name, variable in given if variable["name"] == "OPENAI_API_KEY"} == {"tailgate-worker/load"}
    assert [name for name, variable in given if "secretKeyRef" not in variable.get("valueFrom", {})] == []
    (test,) = (each for each in written() if each["kind"] == "LocustTest")
    secrets = {each["value"] for each in test["spec"]["env"] if each["name"] in KEY_VARIABLES}
    assert secrets == {"DRAWN_AT_RANDOM"}


def test_kubernetes_workers_are_as_many_as_the_master_expects() -> None:
    """The Deployment's replicas, the LocustTest's workers, and what the master waits for."""
    by_kind = {(each["kind"], each["metadata"]["name"]): each for each in written()}
    replicas = by_kind["Deployment", "tailgate-worker"]["spec"]["replicas"]
    master = by_kind["Job", "tailgate-master"]["spec"]["template"]["spec"]["initContainers"][0]
    assert f"--expect-workers={replicas}" in master["args"]
    test = by_kind["LocustTest", "tailgate"]["spec"]
    assert f"--expect-workers={test['workers']}" in test["args"].split()
    assert set(test) == OPERATOR_KEYS


def test_image_tags_are_this_version() -> None:
    """Manifests name the images of the version that they come with."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    kustomizations = [yaml.safe_load(path.read_text()) for path in KUBERNETES.rglob("kustomization.yaml")]
    tags = {image["newTag"] for each in kustomizations for image in each.get("images", [])}
    (test,) = (each for each in written() if each["kind"] == "LocustTest")
    assert tags | {test["spec"]["image"].rpartition(":")[2]} == {version}
