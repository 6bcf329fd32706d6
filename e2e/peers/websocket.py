"""A WebSocket service that sends every message back, and does more where its path says so."""

import asyncio

from websockets.asyncio.server import serve


async def serve_one(socket):
    path = socket.request.path
    if path.startswith("/close/"):
        await socket.close(int(path.rpartition("/")[2]), "as you like")
    elif path.startswith("/pings/"):
        for _ in range(int(path.rpartition("/")[2])):
            await (await socket.ping())
        await socket.send("all were answered")
    elif path == "/fragments":
        await socket.send(["frag", "ment", "ed"])
    async for message in socket:
        await socket.send(message)


def choose(_socket, offered):
    return "chat" if "chat" in offered else None


async def main():
    async with serve(
        serve_one, "127.0.0.1", 0, max_size=64 << 20, select_subprotocol=choose
    ) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"listening on 127.0.0.1:{port}", flush=True)
        await server.serve_forever()


asyncio.run(main())
