"""The simulator as a process: how it starts, speaks TLS, and ends with a complete truth log."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from scenarios.errors import ExitCode, TailgateError
from scenarios.scenario import Scenario
from scenarios.simulator.process import Simulator

ROOT = Path(__file__).parents[2]
SLOW = {"ttft": "10ms", "tokens_per_second": 20, "output_tokens": 1000, "concurrency": 2}
SCENARIO = Scenario.model_validate({"endpoints": {"slow": {"simulated": SLOW}}})
ASK = b'{"messages":[{"role":"user","content":"hi"}],"stream":true}'
REQUEST = b"POST /slow/v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(ASK), ASK)


def command(*arguments: str) -> list[str]:
    """Give the command line of the module."""
    return [sys.executable, "-m", "scenarios.simulator", *arguments]


def run(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run the module to its end."""
    return subprocess.run(command(*arguments), cwd=ROOT, input=text, capture_output=True, text=True, check=False)


def ask(port: int) -> socket.socket:
    """Send a request for a long stream and wait for its first content."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=10)
    sock.sendall(REQUEST)
    return sock


def hear(sock: socket.socket, sought: bytes) -> bytes:
    """Read until `sought` has come, or the end."""
    heard = b""
    while sought not in heard and (part := sock.recv(65536)):
        heard += part
    return heard


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_a_complete_truth_log(tmp_path: Path, number: signal.Signals) -> None:
    """Streams in service and requests in line are logged once each, without an end."""
    truth, file = tmp_path / "truth.csv", tmp_path / "slow.yaml"
    file.write_text("endpoints:\n  slow:\n    simulated: {ttft: 10ms, output_tokens: 1000, concurrency: 2}\n")
    with subprocess.Popen(command(str(file), f"--truth={truth}"), cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        port = json.loads(child.stdout.readline())["port"]
        socks = [ask(port) for _ in range(3)]
        for sock in socks[:2]:
            assert b'"content":" ' in hear(sock, b'"content":" ')
        child.send_signal(number)
        assert child.wait(10) == 0
    for sock in socks:
        sock.close()
    with truth.open(newline="") as log:
        rows = list(csv.DictReader(log))
    assert sorted(row["number"] for row in rows) == ["1", "2", "3"]
    assert [row["end_s"] for row in rows] == ["", "", ""]
    assert sorted(bool(row["queued_s"]) for row in rows) == [False, True, True]


def test_the_child_ends_with_its_parent() -> None:
    """When the pipe from the parent closes, the simulator ends by itself."""
    document = json.dumps(SCENARIO.to_document())
    with subprocess.Popen(
        command("-", "--parent"), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(document + "\n")
        child.stdin.flush()
        assert list(json.loads(child.stdout.readline())["endpoints"]) == ["slow"]
        child.stdin.close()
        assert child.wait(10) == 0


def test_the_first_line_says_where_everything_is() -> None:
    """Port, URLs by endpoint, and the process id."""
    with Simulator(SCENARIO) as simulator:
        assert simulator.urls == {"slow": f"http://127.0.0.1:{simulator.port}/slow/v1"}
        assert simulator.running
        os.kill(simulator.pid, 0)
    assert not simulator.running


def test_it_starts_and_stops_under_gevent() -> None:
    """The load run starts it in a process whose standard library is patched, with a document longer than a pipe."""
    lines = (
        "from gevent import monkey; monkey.patch_all()",
        "from scenarios.scenario import Scenario",
        "from scenarios.simulator.process import Simulator",
        "said = ['x' * 1000] * 300",
        "asked = {'endpoints': {'a': {'simulated': {}}}, 'conversation': {'prompts': said}}",
        "with Simulator(Scenario.model_validate(asked)) as simulator: print(*simulator.urls)",
    )
    ended = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.stdout, ended.stderr, ended.returncode) == ("a\n", "", 0)


def test_the_truth_log_is_written_while_it_runs(tmp_path: Path) -> None:
    """A row is on disk soon after its request, so that a killed simulator loses little."""
    truth = tmp_path / "truth.csv"
    with Simulator(SCENARIO, truth=truth) as simulator:
        ask(simulator.port).close()
        deadline = time.monotonic() + 10
        while len(truth.read_text().splitlines()) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(truth.read_text().splitlines()) == 2


def test_a_port_that_is_taken_is_one_line_and_exit_2() -> None:
    """The line names the port and what to do."""
    with Simulator(SCENARIO) as simulator:
        ended = run("-", f"--port={simulator.port}", text=json.dumps(SCENARIO.to_document()))
        assert ended.returncode == ExitCode.USAGE
        assert len(ended.stderr.splitlines()) == 1
        assert str(simulator.port) in ended.stderr
        with pytest.raises(TailgateError, match="choose a free port"):
            Simulator(SCENARIO, port=simulator.port).start()


@pytest.mark.parametrize(
    ("arguments", "text", "said"),
    [
        (["-"], "{", "standard input: not the JSON document"),
        (["-"], '{"endpoints": {"a": {"url": "http://127.0.0.1:1/v1"}}}', "no endpoint is simulated"),
        (["-", "--truth=/nowhere/truth.csv"], "DOCUMENT", "cannot write the truth log"),
        (["-", "--cert=missing.pem"], "DOCUMENT", "--cert and --key belong together"),
        (["-", "--cert=missing.pem", "--key=missing.pem"], "DOCUMENT", "cannot be used for TLS"),
        (["-", "--port=99999"], "DOCUMENT", "cannot listen on 127.0.0.1:99999"),
        (["missing.yaml"], "", "missing.yaml"),
    ],
)
def test_what_cannot_be_served_is_one_line_and_exit_2(arguments: list[str], text: str, said: str) -> None:
    """Never a traceback."""
    ended = run(*arguments, text=json.dumps(SCENARIO.to_document()) if text == "DOCUMENT" else text)
    assert ended.returncode == ExitCode.USAGE
    assert said in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make a self-signed certificate for 127.0.0.1."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*made, "-keyout", str(key), "-out", str(cert), *subject], check=True, capture_output=True)
    return cert, key


def test_tls_carries_streams_and_stamps(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    """A verified connection gets the whole stream twice, and the truth log its stamps."""
    cert, key = certificate
    quick = {"ttft": "20ms", "tokens_per_second": 500, "output_tokens": 10}
    scenario = Scenario.model_validate({"endpoints": {"quick": {"simulated": quick}}})
    truth = tmp_path / "truth.csv"
    with Simulator(scenario, truth=truth, cert=cert, key=key) as simulator:
        assert simulator.urls["quick"].startswith("https://")
        with httpx.Client(verify=ssl.create_default_context(cafile=str(cert))) as client:
            url = f"{simulator.urls['quick']}/chat/completions"
            texts = [client.post(url, content=ASK).text for _ in range(2)]
    assert [text.count('"content":" ') for text in texts] == [10, 10]
    assert all(text.endswith("data: [DONE]\n\n") for text in texts)
    with truth.open(newline="") as log:
        rows = list(csv.DictReader(log))
    assert all(float(row["first_content_s"]) - float(row["arrived_s"]) >= 0.02 - 2e-6 for row in rows)
    assert len(rows) == 2


def test_plain_http_to_a_tls_port_is_closed_and_harms_nobody(certificate: tuple[Path, Path]) -> None:
    """The connection ends, the server goes on."""
    cert, key = certificate
    with Simulator(SCENARIO, cert=cert, key=key) as simulator:
        with ask(simulator.port) as sock:
            assert b"HTTP" not in hear(sock, b"HTTP")
        assert simulator.running


def test_slow_readers_get_everything_in_order() -> None:
    """What does not fit into the socket waits, and comes complete once the client reads."""
    quick = {"ttft": "1ms", "tokens_per_second": 100_000, "output_tokens": 10_000}
    scenario = Scenario.model_validate({"endpoints": {"slow": {"simulated": quick}}})
    with Simulator(scenario) as simulator, socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(20)
        sock.connect(("127.0.0.1", simulator.port))
        sock.sendall(REQUEST)
        time.sleep(0.5)
        heard = hear(sock, b"\r\n0\r\n\r\n")
    assert heard.count(b'"content":" ') == 10_000


@pytest.mark.parametrize(("host", "shown"), [("0.0.0.0", "127.0.0.1"), ("127.0.0.2", "127.0.0.2")])  # noqa: S104
def test_host_says_where_to_listen(host: str, shown: str) -> None:
    """`--host` binds that address; the URLs told name one that can be reached."""
    with subprocess.Popen(
        command("-", "--parent", f"--host={host}"), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(SCENARIO.to_document()) + "\n")
        child.stdin.flush()
        told = json.loads(child.stdout.readline())
        assert told["endpoints"]["slow"] == f"http://{shown}:{told['port']}/slow/v1"
        assert httpx.get(f"http://127.0.0.2:{told['port']}/slow/v1/models").status_code == 200


def test_a_host_that_is_not_ours_is_refused_in_words() -> None:
    """An address of another machine cannot be listened on."""
    ended = run("-", "--host=192.0.2.1", text=json.dumps(SCENARIO.to_document()))
    assert ended.returncode == 2
    assert "cannot listen on 192.0.2.1:0" in ended.stderr
