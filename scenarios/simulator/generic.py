"""The bytes of the single-shot API: one JSON body in, one JSON body out, in the scenario's own template."""

from __future__ import annotations

import json
from collections.abc import Iterator

from scenarios.endpoint import Template
from scenarios.simulator.claim import Course
from scenarios.simulator.dialect import Ask, Invalid, Job, error, tokens
from scenarios.simulator.exchange import Kind, Script, Step
from scenarios.simulator.response import whole


class Generic:
    """`POST` to the template's path; the answer's text stands where the template says. It reports no usage."""

    def __init__(self, template: Template) -> None:
        path = template.path.partition("?")[0]
        self.path = path if path.startswith("/") or not path else f"/{path}"
        self._body = template.body
        self._text = template.text.split(".")

    def read(self, body: bytes) -> Ask:
        """Read a request. Raises Invalid when the template's prompt is not in it."""
        try:
            data = json.loads(body)
        except (ValueError, RecursionError) as problem:
            raise Invalid(f"The body is not JSON: {problem}") from None
        found = dict(_filled(self._body, data))
        if "prompt" not in found:
            raise Invalid(f"The body holds no prompt: it should look like {json.dumps(self._body)}")
        prompt = str(found["prompt"])
        return Ask(tokens(prompt), max_tokens=_count(found.get("max_tokens")), said=prompt)

    def answer(self, job: Job) -> Script:
        """Script the answer, whole, after the time that its tokens take."""
        draw = job.draw

        def script(start_s: float) -> Iterator[Step]:
            due = start_s + draw.whole_s
            body = self._failed() if draw.fault == "stream_error" else self._answer(job)
            if isinstance(body, dict):
                body = job.claim.added(body, Course(start_s, start_s + draw.ttft_s, due))
            headers = {**job.headers, **job.claim.headers(start_s, due)}
            data = whole(200, body, headers, keep_alive=job.keep_alive)
            if draw.fault == "stall":
                yield due, Kind.STALL, b""
            elif draw.fault == "cut":
                yield due, Kind.PLAIN, data[:-3]
                yield due, Kind.CUT, b""
            else:
                yield due, Kind.PLAIN, data

        return script

    def _failed(self) -> object:
        return error(500, "server_error", "The server had an error while processing your request.")

    def _answer(self, job: Job) -> object:
        answer: object = "" if job.draw.fault == "role_only" else job.draw.text()
        for part in reversed(self._text):
            answer = [None] * int(part) + [answer] if part.isdecimal() else {part: answer}
        return answer


def _count(value: object) -> int | None:
    """Read a number of tokens, which a template may have put into a text of its own."""
    if value is None:
        return None
    text = str(value)
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 10 and int(text) > 0):
        raise Invalid(f"max_tokens must be an integer of at least 1, not {text[:40]!r}")
    return int(text)


def _filled(template: object, data: object) -> Iterator[tuple[str, object]]:
    """Give what stands in `data` where `template` holds `{name}` alone or within a text, by name."""
    if isinstance(template, dict) and isinstance(data, dict):
        for key, value in template.items():
            if key in data:
                yield from _filled(value, data[key])
    elif isinstance(template, list) and isinstance(data, list):
        for value, item in zip(template, data, strict=False):
            yield from _filled(value, item)
    elif isinstance(template, str):
        yield from ((name, data) for name in ("prompt", "max_tokens") if "{" + name + "}" in template)
