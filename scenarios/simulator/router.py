"""Which endpoint a request is for: `/<endpoint>/v1…`."""

from __future__ import annotations

from collections.abc import Mapping

from scenarios.simulator.connection import Connection, Request
from scenarios.simulator.dialect import error
from scenarios.simulator.exchange import Exchange, at_once
from scenarios.simulator.response import whole
from scenarios.simulator.service import Service, key_name
from scenarios.simulator.truth import Truth


class Router:
    """Sends each request to its service. Posts that fit none are logged too, without an endpoint's numbers."""

    def __init__(self, services: Mapping[str, Service]) -> None:
        self._services = services
        self._lost = 0

    def exchange(self, request: Request, connection: Connection) -> Exchange:
        """Decide what becomes of a request."""
        path = request.path.partition("?")[0]
        _, name, rest = [*path.split("/", 2), "", ""][:3]
        service = self._services.get(name)
        if service is None:
            known = ", ".join(f"/{name}/v1" for name in self._services)
            return self._other(request, connection, "", 404, f"Nothing at {path}. There are {known}.")
        if path == f"/{name}/v1{service.dialect.path}":
            if request.method == "POST":
                return service.exchange(request, connection)
            return self._other(request, connection, name, 405, f"{path} takes POST, not {request.method}.")
        if rest == "v1/models" and request.method == "GET":
            return _models(request, connection, service)
        return self._other(request, connection, name, 404, f"Nothing at {path}. Use /{name}/v1{service.dialect.path}.")

    def _other(self, request: Request, connection: Connection, endpoint: str, status: int, message: str) -> Exchange:
        truth = None
        if request.method == "POST":
            self._lost += 1
            request_id = request.headers.get("x-client-request-id", "")
            truth = Truth(-self._lost, endpoint, key_name(request), request_id, request.arrived_s, status)
        data = whole(status, error(status, "not_found", message), keep_alive=request.keep_alive)
        return Exchange(connection, truth, at_once(data), keep_alive=request.keep_alive)


def _models(request: Request, connection: Connection, service: Service) -> Exchange:
    model = {"id": service.model_name, "object": "model", "created": 0, "owned_by": "tailgate"}
    data = whole(200, {"object": "list", "data": [model]}, keep_alive=request.keep_alive)
    return Exchange(connection, None, at_once(data), keep_alive=request.keep_alive)
