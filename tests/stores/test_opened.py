"""The bytes of a file in a store: the same however its server behaves, or one sentence."""

import asyncio
import io
import random
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import s3fs
from aiohttp import web

from tests.site import faulty
from tests.site.serving import serving
from tests.stores.conftest import lead
from wit_builder import remote, store
from wit_builder.errors import BuildError, ConfigError

BLOCK = 1_000
BODY = random.Random(0).randbytes(10 * BLOCK + 123)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(remote, "BLOCK", BLOCK)
    monkeypatch.setattr(remote, "_BUFFER", 100)
    monkeypatch.setattr(store, "AT_ONCE_S", 1.0)
    monkeypatch.setattr(store, "PATIENCE_S", 1.0)


def read(url, size=-1):
    with remote.opened(url) as file:
        return file.read(size)


def steps(url, *sizes):
    """Reads of these sizes, and the rest."""
    with remote.opened(url) as file:
        return b"".join([*(file.read(size) for size in sizes), file.read()])


# -- S3


@pytest.fixture
def url(bucket):
    (bucket.folder / "body").write_bytes(BODY)
    return f"{bucket.url}/body"


@pytest.fixture
def proxy(bucket, monkeypatch):
    with faulty.before(bucket.server.port) as told:
        lead(monkeypatch, bucket.server, told.port)
        yield told


@pytest.mark.parametrize("sizes", [[], [1], [999, 1, 1], [5_000], [7, 1_001, 2_500]])
def test_a_file_at_s3_is_read_whole_in_steps_of_any_size(url, sizes):
    assert steps(url, *sizes) == BODY


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK])
def test_files_of_every_size_around_a_block_come_whole(bucket, size):
    (bucket.folder / "some").write_bytes(BODY[:size])
    assert read(f"{bucket.url}/some") == BODY[:size]


def test_it_can_seek(url):
    with remote.opened(url) as file:
        for at, whence, size in ((9_000, 0, 50), (-10, 2, 50), (10, 0, 3_000), (-500, 1, 100)):
            here = file.seek(at, whence)
            assert file.read(size) == BODY[here : here + size]


def test_parquet_is_read_column_by_column(bucket):
    table = pa.table({"a": list(range(5_000)), "b": [str(n) for n in range(5_000)]})
    pq.write_table(table, bucket.folder / "t.parquet", row_group_size=500)
    with remote.opened(f"{bucket.url}/t.parquet") as file:
        assert pq.read_table(file, columns=["b"]) == table.select(["b"])


def test_no_more_than_a_block_is_asked_for_at_once_and_one_ahead(url, proxy):
    with remote.opened(url) as file:
        file.read(1)
        file.seek(5_000)
        file.read(1)
        assert proxy.asked.count(("GET", f"/{url[5:]}")) <= 3
    assert read(url) == BODY


@pytest.mark.parametrize("fault", [500, 503, "reset", "cut"])
def test_what_may_pass_is_asked_again(url, proxy, fault, monkeypatch):
    monkeypatch.setattr(store, "PATIENCE_S", 30.0)
    proxy.fault = lambda method, path, n: fault if n in (1, 2, 5) else None
    assert read(url) == BODY


def test_a_server_that_stalls_is_asked_again(url, bucket, proxy, monkeypatch):
    monkeypatch.setattr(store, "PATIENCE_S", 30.0)
    monkeypatch.setattr(store, "READ_S", 0.5)
    lead(monkeypatch, bucket.server, proxy.port)
    proxy.fault = lambda method, path, n: 3.0 if method == "GET" and n == 2 else None
    assert read(url) == BODY
    assert proxy.asked.count(("GET", f"/{url[5:]}")) == 12  # 11 blocks, one of them twice


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (503, "answers with status 503"),
        (404, "it is not there"),
        (403, "access is denied"),
        ("reset", "does not answer"),
    ],
)
def test_what_does_not_pass_while_it_is_read_ends_in_one_sentence(url, proxy, fault, said):
    proxy.fault = lambda method, path, n: fault if method == "GET" and n > 3 else None
    with pytest.raises(BuildError, match=said) as caught:
        read(url)
    assert str(caught.value).startswith(f"{url} cannot be read to its end: ")
    assert caught.value.hint.endswith("then run the same command again with `--resume`")


def test_a_file_that_is_changed_while_it_is_read_is_not_mixed(moto, monkeypatch):
    lead(monkeypatch, moto)
    fs = s3fs.S3FileSystem(use_listings_cache=False)
    fs.mkdir("changing")
    fs.pipe_file("changing/body", BODY)
    with remote.opened("s3://changing/body") as file:
        file.read(10)
        fs.pipe_file("changing/body", BODY[::-1])
        with pytest.raises(BuildError, match="it has changed meanwhile"):
            file.read()


def test_a_bucket_that_vanishes_while_it_is_read_is_said(url, bucket):
    with remote.opened(url) as file:
        file.read(10)
        bucket.folder.rename(bucket.folder.with_name("gone-" + bucket.name))
        with pytest.raises(BuildError, match="its bucket is not there"):
            file.read()


def test_what_cannot_be_opened_is_no_fault_of_the_build(bucket):
    with pytest.raises(ConfigError, match="none cannot be opened: it is not there"):
        read(f"{bucket.url}/none")


# -- https, or http as here


@contextmanager
def server(answer):
    """A web server that answers every request with that function; its URL, and the requests."""
    asked, app = [], web.Application()

    async def handle(request):
        asked.append((request.method, request.headers.get("Range"), dict(request.headers)))
        return await answer(request)

    app.router.add_route("*", "/{path:.*}", handle)
    with serving(app) as port:
        yield f"http://127.0.0.1:{port}/a%20b.bin?x=1", asked


async def with_ranges(request):
    wanted = request.http_range
    start = wanted.start or 0
    if wanted.stop is None and wanted.start is None:
        return web.Response(body=BODY, headers={"ETag": '"v1"'})
    part = BODY[start : wanted.stop]
    held = f"bytes {start}-{start + len(part) - 1}/{len(BODY)}"
    return web.Response(body=part, status=206, headers={"Content-Range": held, "ETag": '"v1"'})


async def without_ranges(request):
    return web.Response(body=BODY)


async def without_head(request):
    if request.method == "HEAD":
        return web.Response(status=405)
    return await with_ranges(request)


async def without_size(request):
    stream = web.StreamResponse()
    stream.enable_chunked_encoding()
    await stream.prepare(request)
    if request.method == "GET":
        await stream.write(BODY)
    return stream


async def says_no_ranges(request):
    return web.Response(body=BODY, headers={"Accept-Ranges": "none"})


@pytest.mark.parametrize("answer", [with_ranges, without_ranges, without_head, without_size, says_no_ranges])
def test_a_file_is_read_from_servers_of_every_kind(answer):
    with server(answer) as (url, _):
        assert steps(url, 10, 1_500) == BODY


def test_a_part_that_is_too_short_is_asked_for_again():
    asked = []

    async def short(request):
        asked.append(request.http_range)
        answer = await with_ranges(request)
        if len(asked) == 3:
            answer.headers.pop("Content-Range")
            answer.body = answer.body[:-1]
        return answer

    with server(short) as (url, _):
        assert read(url) == BODY


def test_size_and_version_are_asked_for_and_who_asks_is_said():
    with server(with_ranges) as (url, asked):
        assert remote.expand([url], ()) == [remote.Source(url, len(BODY), '"v1"')]
    assert asked[0][0] == "HEAD"
    assert asked[0][2]["User-Agent"].startswith("wit-builder/")


def test_what_a_server_packed_for_the_way_is_not_unpacked():
    async def packed(request):
        return web.Response(body=BODY, headers={"Content-Encoding": "gzip"})

    with server(packed) as (url, _):
        assert read(url) == BODY


def test_a_stream_that_breaks_is_taken_up_again_where_it_broke():
    broken = []

    async def breaks(request):
        stream = web.StreamResponse()
        stream.enable_chunked_encoding()
        await stream.prepare(request)
        if request.method == "GET" and len(broken) < 4:  # 2 of them ask for the size
            broken.append(request)
            await stream.write(BODY[: len(broken) * 2_100])
            await asyncio.sleep(0.05)
            request.transport and request.transport.abort()
        elif request.method == "GET":
            await stream.write(BODY)
        return stream

    with server(breaks) as (url, _):
        assert read(url) == BODY
    assert len(broken) == 4


def test_a_stream_cannot_seek():
    with server(without_size) as (url, _), remote.opened(url) as file:
        assert not file.seekable()
        with pytest.raises(io.UnsupportedOperation):
            file.seek(0, 2)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "it is not there"),
        (403, "access is denied"),
        (503, "answers with status 503"),
        (410, "is not there"),
    ],
)
def test_a_refusal_is_one_sentence_without_the_signature_in_the_address(status, said):
    async def refuses(request):
        return web.Response(status=status)

    with server(refuses) as (url, _), pytest.raises(ConfigError, match=said) as caught:
        remote.expand([url], ())
    assert str(caught.value).startswith(f"{url.partition('?')[0]}?... cannot be read: ")


def test_an_address_that_is_none_is_said():
    with pytest.raises(ConfigError, match="it is no address"):
        remote.expand(["http://[::1/x"], ())
