"""Python clients through the gateway: requests, httpx, websockets. Prints one line per check."""

import asyncio
import hashlib
import json
import sys
import time

import httpx
import requests
from websockets.asyncio.client import connect

BASE = f"http://{sys.argv[1]}"
LARGE = bytes(range(256)) * 4096


def pieces():
    for start in range(0, len(LARGE), 10_000):
        yield LARGE[start : start + 10_000]


def whole(answer):
    return answer["count"] == len(LARGE) and answer["sha256"] == hashlib.sha256(LARGE).hexdigest()


def requests_keeps_its_connection():
    with requests.Session() as session:
        for number in range(50):
            where = ["py", "js", "nginx"][number % 3]
            answer = session.get(f"{BASE}/{where}/hello", timeout=10)
            assert answer.ok and "hello from" in answer.text, answer
        pools = session.get_adapter(BASE).poolmanager.pools
        opened = [pools[key].num_connections for key in pools.keys()]
        assert opened == [1], opened


def requests_uploads():
    for where in ["py/upload", "js/upload"]:
        assert whole(requests.post(f"{BASE}/{where}", data=LARGE, timeout=10).json())
        assert whole(requests.post(f"{BASE}/{where}", data=pieces(), timeout=10).json())


def requests_reads_zipped_and_ranges():
    zipped = requests.get(f"{BASE}/py/gzip", timeout=10)
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert zipped.text.count("the gate is open\n") == 100
    part = requests.get(f"{BASE}/nginx/file.txt", headers={"Range": "bytes=5-9"}, timeout=10)
    assert (part.status_code, part.text) == (206, "56789"), part


def requests_sees_the_end():
    assert requests.get(f"{BASE}/py/nothing", timeout=10).status_code == 204
    assert requests.get(f"{BASE}/py/close", timeout=10).text == "until the end"
    head = requests.head(f"{BASE}/py/hello", timeout=10)
    assert (head.status_code, head.headers["Content-Length"], head.text) == (200, "18", "")
    try:
        requests.get(f"{BASE}/py/die", timeout=10)
    except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError):
        return
    raise AssertionError("half a body passed for a whole one")


def httpx_streams_events():
    for where in ["py", "js"]:
        times = []
        with httpx.stream("GET", f"{BASE}/{where}/events", timeout=10) as answer:
            assert answer.headers["Content-Type"] == "text/event-stream"
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    times.append(time.monotonic())
        gaps = [later - earlier for earlier, later in zip(times, times[1:])]
        assert len(times) == 5 and min(gaps) > 0.05, f"events came together: {gaps}"


def httpx_uploads_while_it_is_refused():
    try:
        answer = httpx.post(f"{BASE}/js/early", content=LARGE * 8, timeout=10)
    except httpx.WriteError:
        # The answer was sent, but this client stops at the first failed write.
        return
    assert (answer.status_code, answer.text) == (413, "too much"), answer


def httpx_sees_what_a_service_is_told():
    answer = httpx.get(f"{BASE}/py/fields?a=b", headers={"Host": "test.example"}, timeout=10).json()
    fields = {name.lower(): value for name, value in answer["fields"]}
    assert answer["path"] == "/fields?a=b", answer
    assert fields["x-forwarded-for"] == "127.0.0.1" and fields["via"] == "1.1 yumen", fields
    assert fields["x-forwarded-host"] == "test.example", fields
    problem = httpx.get(f"{BASE}/none", timeout=10)
    assert problem.status_code == 404 and problem.json()["code"] == "no_route", problem.text
    assert problem.json()["request_id"], problem.text


async def many_at_once():
    async with httpx.AsyncClient(timeout=20) as client:
        urls = [f"{BASE}/{where}/hello" for where in ["py", "js", "nginx"] * 40]
        answers = await asyncio.gather(*(client.get(url) for url in urls))
    assert all(answer.status_code == 200 for answer in answers)


def httpx_many_at_once():
    asyncio.run(many_at_once())


async def sockets():
    for where in ["pyws", "js/socket"]:
        url = f"{BASE.replace('http', 'ws')}/{where}"
        async with connect(url, max_size=64 << 20) as socket:
            for message in ["one", "玉門", "x" * 70_000, b"\0\1\2", b"y" * (4 << 20)]:
                await socket.send(message)
                assert await socket.recv() == message, where
            await (await socket.ping())


def websockets_echo():
    asyncio.run(sockets())


CHECKS = [
    requests_keeps_its_connection,
    requests_uploads,
    requests_reads_zipped_and_ranges,
    requests_sees_the_end,
    httpx_streams_events,
    httpx_uploads_while_it_is_refused,
    httpx_sees_what_a_service_is_told,
    httpx_many_at_once,
    websockets_echo,
]

failed = 0
for check in CHECKS:
    try:
        check()
        print(f"ok {check.__name__}")
    except Exception as error:  # Every check is run; all failures are told.
        failed += 1
        print(f"FAILED {check.__name__}: {error!r}")
sys.exit(1 if failed else 0)
