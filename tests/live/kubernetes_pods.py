"""The pods of docker/kubernetes, with the simulated provider, for `podman kube play`: no cluster can be had here.

A Job is its one pod, a Deployment a pod for each replica; a Service is the pod that bears its name. Everything else
stays as it is written: images, commands, init containers, security contexts, probes, secrets, volumes.
"""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

DOCKER = Path(__file__).parents[2] / "docker"
FILES = (DOCKER / "simulated" / "provider.k8s.yaml", *sorted((DOCKER / "kubernetes" / "base").glob("*.yaml")))
REGISTRY = "docker.io/library/"
SECRET = "tailgate-keys"  # noqa: S105 - its name


def pods(**traffic: Any) -> dict[str, list[dict[str, Any]]]:
    """Give what to play, by the name of the Job or Deployment; `traffic` changes the scenario's."""
    maps = {
        "tailgate-scenario": {"scenario.yaml": _scenario(traffic)},
        "tailgate-provider": {"provider.yaml": (DOCKER / "simulated" / "provider.yaml").read_text(encoding="utf-8")},
    }
    files = [each for path in FILES for each in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
    written = [each for each in files if "kind" in each]
    claims = {each["metadata"]["name"]: each for each in written if each["kind"] == "PersistentVolumeClaim"}
    return {
        each["metadata"]["name"]: list(_objects(each, maps, claims))
        for each in written
        if each["kind"] in {"Job", "Deployment"}
    }


def secret(value: str) -> str:
    """Give the Secret as this podman keeps it."""
    return json.dumps({"TAILGATE_SECRET": base64.b64encode(value.encode()).decode()})


def _scenario(traffic: Mapping[str, Any]) -> str:
    document = yaml.safe_load((DOCKER / "simulated" / "scenario.yaml").read_text(encoding="utf-8"))
    return json.dumps({**document, "traffic": {**document["traffic"], **traffic}})


def _objects(
    owner: Mapping[str, Any], maps: Mapping[str, Any], claims: Mapping[str, dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    template, count = owner["spec"]["template"], owner["spec"].get("replicas", 1)
    for volume in template["spec"]["volumes"]:
        if "configMap" in volume:
            name = volume["configMap"]["name"]
            yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": maps[name]}
        elif "persistentVolumeClaim" in volume:
            yield claims[volume["persistentVolumeClaim"]["claimName"]]
    for number in range(count):
        spec = copy.deepcopy(template["spec"])
        spec.pop("topologySpreadConstraints", None)
        for container in [*spec.get("initContainers", ()), *spec["containers"]]:
            container["image"] = f"{REGISTRY}{container['image']}:latest"
            container["imagePullPolicy"] = "Never"
        name = owner["metadata"]["name"] + (f"-{number}" if count > 1 else "")
        labels = template["metadata"]["labels"]
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}
