"""Files below a URL while the store comes and goes: nothing but its sentence is said."""

import gc
import itertools
import time
import uuid

import pytest
from aiohttp.client_reqrep import ClientRequest

from tests.stores.conftest import Bucket, lead
from wit_builder import store
from wit_builder.errors import BuildError
from wit_builder.objects import Objects


@pytest.fixture
def bucket(creating, monkeypatch):
    """Of a server that creates a file once."""
    lead(monkeypatch, creating)
    name = f"b-{uuid.uuid4().hex[:12]}"
    creating.bucket(name)
    return Bucket(creating, name)


def test_what_aiohttp_says_of_a_connection_that_breaks_reaches_nobody(bucket, monkeypatch, caplog):
    """It is taken from the pool, and gone when the body is to be sent, which a task of its own does."""
    there = Objects(f"{bucket.url}/run")
    there.write("x", b"1")
    send, broken = ClientRequest.write_bytes, []

    async def breaks(self, writer, conn, *more):
        broken.append(conn.transport.abort())
        await send(self, writer, conn, *more)

    monkeypatch.setattr(ClientRequest, "write_bytes", breaks)
    monkeypatch.setattr(store, "PATIENCE_S", 0.5)
    with pytest.raises(BuildError, match=r"run/x cannot be written: its host does not answer"):
        there.write("x", b"2")
    for _ in range(3):
        gc.collect()
        time.sleep(0.1)
    assert broken
    assert caplog.records == []


def test_who_won_is_asked_again_where_no_answer_comes(bucket, proxy):
    there = Objects(f"{bucket.url}/run")
    assert there.create("done", b"mine")
    reads = itertools.count(1)
    proxy.fault = lambda method, path, n: "reset" if method == "GET" and next(reads) < 5 else None
    assert not there.create("done", b"theirs")
    assert next(reads) > 5
