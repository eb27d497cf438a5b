import asyncio

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from tests.site.told import Say, told
from tests.web.rooms import together
from wit_builder.errors import Gone
from wit_builder.fetch import room as room_
from wit_builder.fetch.room import Backlog, ImageVisitor
from wit_builder.web.http1 import SCRATCH, Answer, Head
from wit_builder.web.room import STEP, NoRoom, Room, announced

MOST = 40_000  # bytes of one image


@pytest.fixture
def web():
    with told() as told_web:
        yield told_web


def test_what_fits_exactly_is_taken_and_a_byte_more_is_not():
    async def main():
        room = Room(10)
        room.take(10)
        with pytest.raises(NoRoom):
            room.take(11)
        return room.taken

    assert asyncio.run(main()) == 10


def test_a_task_takes_anew_instead_of_more_and_leaves_all():
    async def main():
        room = Room(10)
        room.take(8)
        room.take(3)
        seen = room.taken
        room.leave()
        room.leave()
        return seen, room.taken

    assert asyncio.run(main()) == (3, 0)


def test_who_waits_gets_room_when_another_task_leaves():
    async def main():
        room, said = Room(10), []

        async def second():
            await room.wait_for(6)
            said.append("second has it")

        room.take(5)
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0)
        said.append("first leaves")
        room.leave()
        await waiting
        return said, room.taken

    assert asyncio.run(main()) == (["first leaves", "second has it"], 6)


@pytest.mark.parametrize(("taken", "quiet"), [(5, True), (6, False)])
def test_it_is_quiet_up_to_half(taken, quiet):
    async def main():
        room = Room(10)
        room.take(taken)
        try:
            await asyncio.wait_for(room.quiet(), 0.01)
        except TimeoutError:
            return False
        return True

    assert asyncio.run(main()) is quiet


def test_bodies_in_memory_stay_within_the_room_and_all_are_had(web, monkeypatch):
    monkeypatch.setattr(room_, "BODY_BYTES", 100_000)
    urls = [f"http://h{n}.test/x" for n in range(20)]
    web.answers = {url: Say(bytes(30_000 + n), wait=0.02) for n, url in enumerate(urls)}
    sizes, peak = visited(web, urls)
    assert sizes == [30_000 + n for n in range(20)]
    assert 60_000 < peak <= 100_000


def test_a_body_without_a_length_is_given_room_for_the_most_that_is_read(web, monkeypatch):
    monkeypatch.setattr(room_, "BODY_BYTES", 100_000)
    urls = [f"http://h{n}.test/x" for n in range(6)]
    web.answers = {url: Say(bytes(10), chunked=True) for url in urls}
    sizes, peak = visited(web, urls)
    assert sizes == [10] * 6
    assert peak % MOST == 0 and peak <= 100_000


def test_it_takes_it_as_it_comes_a_step_at_a_time():
    async def main():
        room = Room(8 * STEP)
        grow = room.gate(3 * STEP - 1)(head({"Transfer-Encoding": "chunked"}))
        taken = [room.taken]
        for size in (STEP, STEP + 1, 3 * STEP):
            grow(size)
            taken.append(room.taken)
        return taken

    assert asyncio.run(main()) == [STEP, STEP, 2 * STEP, 3 * STEP - 1]


def test_slow_answers_without_a_length_leave_room_for_others():
    """One held what twenty take; who came then had to wait for them."""

    async def main():
        room = Room(20 * STEP)

        async def silent():
            room.gate(10 * STEP)(head({}))
            await asyncio.Event().wait()

        tasks = [asyncio.create_task(silent()) for _ in range(10)]
        await asyncio.sleep(0)
        await asyncio.wait_for(room.quiet(), 0.1)
        failed = [task for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        return room.taken, failed

    assert asyncio.run(main()) == (10 * STEP, [])


def test_who_runs_out_of_room_on_the_way_gives_back_what_it_has_and_has_its_body_later(web, monkeypatch):
    """Else all would hold some, and wait for each other."""
    monkeypatch.setattr(room_, "BODY_BYTES", 2 * MOST)
    for name, size in {"room.STEP": 1_000, "links.SCRATCH": 1_000, "links.READS": 1}.items():
        monkeypatch.setattr(f"wit_builder.web.{name}", size)  # so that the bodies come side by side
    urls = [f"http://h{n}.test/x" for n in range(12)]
    web.answers = {url: Say(bytes(MOST), chunked=True, wait=0.05) for url in urls}
    sizes, peak = visited(web, urls)
    assert sizes == [MOST] * 12
    assert peak <= 2 * MOST
    assert max(web.times(url) for url in urls) == 2


def test_a_length_that_is_said_twice_is_given_its_room():
    """The head has it as "5000000, 5000000"; the body is received in its place at once."""

    async def main():
        room = Room(20_000_000)
        answer = Answer(memoryview(bytearray(SCRATCH)), 10_000_000, admit=room.gate(10_000_000))
        said = b"HTTP/1.1 200 OK\r\nContent-Length: 5000000, 5000000\r\n\r\n"
        answer.space()[: len(said)] = said
        answer.came(len(said))
        return len(answer.space()), room.taken

    space, taken = asyncio.run(main())
    assert space == 5_000_000 <= taken


def head(headers):
    return Head(200, "OK", CIMultiDictProxy(CIMultiDict(headers)))


def test_a_length_beside_chunks_does_not_count():
    assert announced(head({"Content-Length": "1", "Transfer-Encoding": "chunked"}), MOST) == MOST


def test_who_found_no_room_asks_once_more_and_not_a_third_time(web, monkeypatch):
    monkeypatch.setattr(room_, "BODY_BYTES", 2 * MOST)
    urls = [f"http://h{n}.test/x" for n in range(12)]
    web.answers = {url: Say(bytes(MOST), wait=0.05) for url in urls}
    sizes, _ = visited(web, urls)
    assert sizes == [MOST] * 12
    assert {web.times(url) for url in urls} == {1, 2}


def test_an_image_over_the_limit_is_still_told_so(web):
    web.answers = {"http://h.test/x": Say(bytes(MOST + 1))}
    with pytest.raises(Gone, match="too_big"):
        visited(web, ["http://h.test/x"])


def visited(web, urls):
    """(sizes of the bodies, most bytes of room that were taken at once); all visits at the same time."""

    async def ask(visitor, url):
        async with asyncio.timeout(20):
            return (await visitor.image(url)).body

    return together(ImageVisitor, web, urls, ask, max_image_bytes=MOST)


def test_while_enough_bodies_wait_nobody_asks_for_another():
    async def main():
        backlog, began = Backlog(1), []

        async def work(name):
            await backlog.quiet()
            began.append(name)

        with backlog, backlog:
            tasks = [asyncio.create_task(work(name)) for name in "abc"]
            await asyncio.sleep(0)
            full = list(began)
        await asyncio.sleep(0)
        one_by_one = list(began)
        backlog.wake()
        await asyncio.gather(*tasks)
        return full, one_by_one, began

    assert asyncio.run(main()) == ([], ["a", "b"], ["a", "b", "c"])
