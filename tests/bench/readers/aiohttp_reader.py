"""aiohttp, read as vLLM's benchmark reads: `iter_any`, split at blank lines, `json.loads` of each event."""

from __future__ import annotations

import asyncio
import json
from time import perf_counter

import aiohttp

from bench.readers.recording import Recording, Task

DONE = "[DONE]"


async def ask(session: aiohttp.ClientSession, task: Task, recording: Recording) -> None:
    """Make one request and record it."""
    request_id = recording.next_id()
    headers = {"X-Client-Request-Id": request_id, "Content-Type": "application/json"}
    arrivals: list[float] = []
    buffer = ""
    sent_s = perf_counter()
    async with session.post(f"{task.url}/chat/completions", data=task.body, headers=headers) as response:
        async for data in response.content.iter_any():
            buffer += data.decode()
            while "\n\n" in buffer:
                event, buffer = buffer.split("\n\n", 1)
                text = event.removeprefix("data: ")
                if text == DONE:
                    continue
                now = perf_counter()
                choices = json.loads(text)["choices"]
                if choices and choices[0]["delta"].get("content"):
                    arrivals.append(now)
    recording.add(request_id, sent_s, arrivals, perf_counter())


async def user(session: aiohttp.ClientSession, task: Task, recording: Recording, delay_s: float) -> None:
    """Ask again and again."""
    await asyncio.sleep(delay_s)
    while not recording.over:
        await ask(session, task, recording)


async def run(task: Task) -> None:
    """Bring all users, wait for the end, write the record."""
    recording = Recording(task)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        recording.start()
        await asyncio.gather(
            *(user(session, task, recording, number * task.ramp_s / task.users) for number in range(task.users))
        )
    recording.close()


if __name__ == "__main__":
    asyncio.run(run(Task.read()))
