"""Where Locust and Tailgate meet: options, and who leads or works in this process."""

from __future__ import annotations

import logging
import os
import shlex
import signal
import sys
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent
import locust
from locust import events
from locust.argument_parser import get_empty_argument_parser, get_parser
from locust.runners import MasterRunner, WorkerRunner

from locustfiles import _forked, _port, _progress, _steady_time
from locustfiles._campaign import Campaign
from locustfiles._crew import Alone
from locustfiles._director import Director, Overrides
from locustfiles._dispatcher import Dispatcher
from locustfiles._door import Door
from locustfiles._folder import POINTER
from locustfiles._handshake import Terms
from locustfiles._rpc import lock_sockets
from locustfiles._session import ChatSession
from locustfiles._users import user_classes
from locustfiles._worker import Worker
from locustfiles._workers import Workers
from scenarios.errors import ExitCode, ScenarioError, TailgateError
from scenarios.scenario import Scenario, load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType

    from locust import User
    from locust.env import Environment

ENV_SCENARIO, ENV_RESULTS = "LOCUST_SCENARIO", "LOCUST_RESULTS"

log = logging.getLogger("tailgate")


class Process:
    """Who this process is in the run: a director, a worker, or both in one."""

    director: Director | None = None
    worker: Worker | None = None

    @property
    def campaign(self) -> Campaign:
        """The campaign that this process's users belong to."""
        if self.worker is not None:
            return self.worker.campaign
        assert self.director is not None
        assert isinstance(self.director.crew, Alone)
        return self.director.crew.campaign


PROCESS = Process()


def open_session(user: Any) -> ChatSession:
    """Give a new user its session."""
    campaign = PROCESS.campaign
    return ChatSession(campaign, campaign.lane_of(user.endpoint), user.rest)


def scenario_from_command_line() -> Scenario | None:
    """Load what `--scenario` names (or LOCUST_SCENARIO, locust.conf); workers may go without, their master tells them.

    Ends the process with the problems, one line each, when there is none or it is wrong.
    """
    parser = get_empty_argument_parser(add_help=False)
    _add_options(parser)
    parser.add_argument("--worker", action="store_true", env_var="LOCUST_MODE_WORKER")
    parser.add_argument("--processes", type=int, env_var="LOCUST_PROCESSES")
    parser.add_argument("--master", action="store_true", env_var="LOCUST_MODE_MASTER")
    parser.add_argument("--master-port", type=int)
    parser.add_argument("--master-bind-host", env_var="LOCUST_MASTER_BIND_HOST")
    parser.add_argument("--master-bind-port", type=int, env_var=_port.VARIABLE)
    parser.add_argument("-h", "--help", "-V", "--version", action="store_true", dest="informs")
    options, _ = parser.parse_known_args()
    if options.processes and not options.worker:
        _forked.prepare(port_is_chosen=options.master_port is not None or options.master_bind_port is not None)
        _port.demand_free(options.master_bind_host, options.master_bind_port)
    if options.scenario is None:
        if options.worker or options.informs:
            return None
        _refuse("--scenario is missing: name a scenario file, such as --scenario scenarios/quickstart.yaml")
    try:
        return load(options.scenario, check_env=not options.master)  # it sends no request: keys are its workers'
    except TailgateError as error:
        return None if options.informs else _refuse(str(error))


def _refuse(message: str) -> Any:
    sys.stderr.write(f"{message}\n")
    sys.exit(int(ExitCode.USAGE))


def _add_options(parser: Any) -> None:
    group = parser.add_argument_group("Tailgate")
    group.add_argument("--scenario", env_var=ENV_SCENARIO, metavar="<file>", help="The campaign to run, a YAML file.")
    group.add_argument(
        "--results",
        env_var=ENV_RESULTS,
        metavar="<folder>",
        default="results",
        help="Where run folders are made. Defaults to 'results'.",
    )
    parser.set_defaults(master_bind_host="127.0.0.1")


def install(base: type[User], scenario: Scenario | None) -> dict[str, type[User]]:
    """Listen to Locust's events; give the user classes of the scenario."""
    events.init_command_line_parser.add_listener(_add_options)
    lock_sockets(Door(partial(_terms, scenario)))
    _steady_time.install()

    @events.init.add_listener
    def on_init(environment: Environment, **_: Any) -> None:
        _take_part(environment, base, scenario)

    if scenario is None:
        return {"PendingUser": _pending(base)}
    classes = user_classes(base, scenario)
    _refuse_unknown(classes)
    return classes


def _refuse_unknown(classes: Mapping[str, type[User]]) -> None:
    """End the process when the command line names a user class that there is not."""
    named: Sequence[str] = get_parser().parse_known_args()[0].user_classes or ()
    for name in named:
        if name not in classes:
            close = get_close_matches(name, classes, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(classes)}"
            _refuse(f"there is no user class {name}: {hint}")


def _terms(scenario: Scenario | None, nonce: str) -> Terms:
    """Say what a worker must bring; asked by a hand-shake, when a scenario is known."""
    assert scenario is not None
    options: Any = PROCESS.director.environment.parsed_options if PROCESS.director else None
    arms = [scenario.for_arm(arm).traffic.users for _, arm in scenario.pairs]
    return Terms(
        nonce,
        keys={name: list(each.variables) for name, each in scenario.endpoints.items() if each.variables},
        simulated=[name for name, each in scenario.endpoints.items() if each.simulated],
        users=(PROCESS.director and PROCESS.director.overrides.users) or max(arms),
        workers=(options and options.expect_workers) or 1,
    )


def _pending(base: type[User]) -> type[User]:
    """Make a stand-in, since Locust wants a class before the master has told the worker of any."""
    return type("PendingUser", (base,), {"abstract": False, "__module__": base.__module__})


def _take_part(environment: Environment, base: type[User], scenario: Scenario | None) -> None:
    gevent.get_hub().NOT_ERROR += (KeyboardInterrupt,)  # a Ctrl-C ends the run, but is no error to print
    options = environment.parsed_options
    assert options is not None
    results = Path(options.results)
    if isinstance(environment.runner, WorkerRunner):
        PROCESS.worker = Worker(environment, results, base)
        return
    assert scenario is not None
    crew = _crew(environment, scenario) if isinstance(environment.runner, MasterRunner) else Alone(environment)
    director = PROCESS.director = Director(environment, scenario, results, crew)
    director.overrides = Overrides(options.num_users, options.spawn_rate, options.run_time)
    environment.events.test_start.add_listener(lambda **_: _open(director, options))
    environment.events.test_stop.add_listener(lambda **_: director.close())
    environment.events.quitting.add_listener(lambda **_: _quit(director, environment))
    environment.events.user_error.add_listener(lambda exception, **_: director.give_up(exception))
    if options.headless:
        end_display = _progress.start(director, environment)
        environment.events.test_stop.add_listener(lambda **_: end_display())
        _listen_for_the_end(end_display, signal.SIGINT, signal.SIGTERM)
    else:
        _fill_web_form(options, scenario)
        _listen_for_the_end(lambda: None, signal.SIGINT)


def _listen_for_the_end(end_display: Callable[[], None], *numbers: signal.Signals) -> None:
    """End the load run as Ctrl-C does, and say so; Locust hears SIGTERM only when a headless run is over."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        end_display()
        again = "; press Ctrl-C again to end at once" if POINTER in os.environ else ""
        sys.stderr.write(f"\nEnding the load run{again}.\n")
        signal.default_int_handler(number, frame)

    for number in numbers:
        signal.signal(number, on_signal)


def _crew(environment: Environment, scenario: Scenario) -> Workers:
    """Lead workers; where a lost one shall not end the run, its users go to the others at once."""
    policy = scenario.traffic.on_worker_loss
    options: Any = environment.parsed_options
    options.enable_rebalancing = policy != "stop"
    environment.dispatcher_class = Dispatcher
    return Workers(environment, policy)


def _fill_web_form(options: Any, scenario: Scenario) -> None:
    traffic = scenario.traffic
    options.num_users = options.num_users or traffic.users
    options.spawn_rate = options.spawn_rate or traffic.users / max(traffic.ramp, 1.0)


def _open(director: Director, options: Any) -> None:
    """Begin a run, with the options as they are now where the web form sets them.

    Without it Locust itself sets those that were not given, to 1 user.
    """
    if not options.headless:
        director.overrides = Overrides(options.num_users, options.spawn_rate, options.run_time)
    director.open()


def _quit(director: Director, environment: Environment) -> None:
    director.close()
    if director.folder is not None and POINTER not in os.environ:  # `tailgate run` makes the report by itself
        sys.stderr.write(f"The rows are kept; to report on them: tailgate report {shlex.quote(str(director.folder))}\n")
    if director.failure is not None:
        environment.process_exit_code = int(director.failure.code)


__all__ = ["PROCESS", "ScenarioError", "install", "locust", "open_session", "scenario_from_command_line"]
