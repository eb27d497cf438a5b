"""A server whose hosts are good, silent, hanging, dripping or slow, by their names: `python awkward.py`.

Prints its port on 127.0.0.1; ends when its standard input does.
"""

import asyncio
import sys
from io import BytesIO

import uvloop
from PIL import Image

FILES = (b"/robots.txt", b"/.well-known/tdmrep.json")  # nobody has them, and all but silent hosts say so
SLOW_S = 6.0


def picture() -> bytes:
    """A small PNG."""
    file = BytesIO()
    Image.linear_gradient("L").resize((64, 64)).save(file, "PNG")
    return file.getvalue()


BODY = picture()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n" % len(BODY)
MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, whatever host it is for."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1]
            kind = head.partition(b"Host: ")[2].partition(b"\r\n")[0].split(b".")[-2]
            if kind == b"silent":
                await asyncio.sleep(3600)
            if path in FILES:
                writer.write(MISSING)
                continue
            await BEHAVIOURS.get(kind, send)(writer)
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        pass
    finally:
        writer.close()


async def send(writer: asyncio.StreamWriter) -> None:
    """The whole picture."""
    writer.write(HEAD + BODY)


async def hang(writer: asyncio.StreamWriter) -> None:
    """Nothing."""
    await asyncio.sleep(3600)


async def drip(writer: asyncio.StreamWriter) -> None:
    """A byte a second."""
    writer.write(HEAD)
    for byte in BODY:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1.0)


async def slow(writer: asyncio.StreamWriter) -> None:
    """The picture, after a while."""
    await asyncio.sleep(SLOW_S)
    await send(writer)


BEHAVIOURS = {b"hanging": hang, b"dripping": drip, b"slow": slow}


async def main() -> None:
    """Serve until nobody wants it."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(main())
