"""Opens TLS connections with Tailgate's transport, and says what each cost: milliseconds of CPU, as JSON on stdout."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import gevent.monkey

gevent.monkey.patch_all()

from gevent.pool import Pool  # noqa: E402 - after the patching, as under Locust

from locustfiles._client import destination, raise_file_limit  # noqa: E402
from locustfiles._connect import connect  # noqa: E402
from scenarios.endpoint import Endpoint  # noqa: E402

CONNECTIONS, AT_ONCE = 500, 20


def main(url: str, ca_file: str) -> None:
    """Open them all, a few at a time, and keep them open to the end."""
    raise_file_limit(CONNECTIONS)
    endpoint = Endpoint.model_validate({"url": url, "ca_pem": Path(ca_file).read_text(encoding="ascii")})
    target = destination("large", endpoint, url, stream=True).target
    pool = Pool(AT_ONCE)
    before_s = time.process_time()
    opened = pool.map(lambda _: connect(target, 30), range(CONNECTIONS))
    cost_ms = (time.process_time() - before_s) * 1000 / CONNECTIONS
    sys.stdout.write(json.dumps({"opened": len(opened), "cpu_ms_each": cost_ms}) + "\n")


if __name__ == "__main__":
    main(os.environ["BENCH_URL"], os.environ["BENCH_CA_FILE"])
