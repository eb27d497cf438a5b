import asyncio
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.site.told import picture
from wit_builder.errors import BuildError, ImageError
from wit_builder.fetch.pixels import Pixels
from wit_builder.images.picture import ImageSpec

HOSTILE = "tests.fetch.hostile:serve"


def asked(*bodies, processes=1, serve=HOSTILE, **limits):
    """What each body came to, one after the other: its picture's bytes or (reason, evidence)."""

    async def one(pixels, body):
        try:
            return (await pixels.process(body)).image
        except ImageError as error:
            return error.reason, error.evidence

    async def main():
        async with Pixels(ImageSpec(), processes, serve=serve, **limits) as pixels:
            return [await one(pixels, body) for body in bodies]

    return asyncio.run(main())


@pytest.fixture(autouse=True)
def _no_orphans():
    before = _children()
    yield
    assert _children() == before


def _children():
    """Process ids."""
    return {id for path in Path("/proc/self/task").glob("*/children") for id in path.read_text().split()}


def test_a_picture_comes_back_from_its_process():
    (image,) = asked(picture(1), serve="wit_builder.fetch.child:serve_image")
    assert image.startswith(b"\xff\xd8")


def test_what_is_no_image_is_lost_for_the_decoders_reason():
    assert asked(b"broken", b"next") == [("decode_error", "half of it"), b"next"]


def test_a_process_that_dies_costs_its_image_only():
    assert asked(b"crash", b"next") == [("image_crash", "decoder ended with 3"), b"next"]


@pytest.mark.parametrize("word", [b"negative", b"none", b"longer"])
def test_a_process_that_answers_nonsense_costs_its_image_only(word):
    told = asked(word, word, serve="tests.fetch.hostile:mad")
    assert [reason for reason, _ in told] == ["image_crash"] * 2


def test_a_process_that_hangs_is_killed_at_its_deadline_and_costs_its_image_only():
    began = time.monotonic()
    assert asked(b"hang", b"next", deadline_s=0.5) == [("image_timeout", "over 0.5 s"), b"next"]
    assert time.monotonic() - began < 20


def test_the_start_of_a_process_does_not_count_against_its_image():
    assert asked(b"crash", b"next", deadline_s=0.25)[1] == b"next"


def test_an_image_that_takes_all_memory_costs_itself_only():
    assert asked(b"swell", b"next", memory_bytes=1 << 30) == [("image_crash", "out of memory"), b"next"]


def test_an_exception_that_nobody_knows_costs_its_image_only():
    said = "ZeroDivisionError: no image divides by 0"
    assert asked(b"raise", b"next") == [("image_crash", said), b"next"]


def test_a_process_is_used_again_after_a_broken_image_and_not_after_a_fault():
    async def main():
        async with Pixels(ImageSpec(), 1, serve=HOSTILE) as pixels:
            found = []
            for body in (b"one", b"broken", b"two", b"raise", b"three"):
                with suppress(ImageError):
                    found.append((await pixels.process(body)).phash_quality)
            return found

    one, two, three = asyncio.run(main())
    assert one == two != three


def test_a_process_that_dies_while_it_waits_costs_no_image():
    async def main():
        async with Pixels(ImageSpec(), 1, serve=HOSTILE) as pixels:
            await pixels.process(b"one")
            (worker,) = pixels._workers
            ended, heard = worker._tell_end, asyncio.Event()
            worker._tell_end = lambda *told: (ended(*told), heard.set())
            os.kill(worker.child.pid, signal.SIGKILL)
            async with asyncio.timeout(20):
                await heard.wait()
            return (await pixels.process(b"two")).image

    assert asyncio.run(main()) == b"two"


def together(*bodies, **limits):
    """What each body came to in one process, all asked for at once."""

    async def main():
        async with Pixels(ImageSpec(), 1, serve=HOSTILE, **limits) as pixels:
            await pixels.process(b"warm")
            told = await asyncio.gather(*map(pixels.process, bodies), return_exceptions=True)
            return [getattr(each, "reason", None) or each.image for each in told]

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("word", "reason"), [(b"crash", "image_crash"), (b"raise", "image_crash"), (b"hang", "image_timeout")]
)
def test_a_body_in_the_hand_of_a_process_that_ends_over_another_is_made_into_a_picture(word, reason):
    assert together(word, b"next", word, b"last", deadline_s=0.5) == [reason, b"next", reason, b"last"]


def test_an_answer_that_came_before_the_process_died_counts():
    assert together(b"first", b"crash", b"last") == [b"first", "image_crash", b"last"]


def test_the_time_of_a_body_begins_with_its_turn():
    assert together(b"slow", b"slow", b"slow", deadline_s=0.5) == [b"slow"] * 3


def test_a_process_has_its_next_body_before_it_is_done_with_one():
    async def main():
        async with Pixels(ImageSpec(), 1, serve=HOSTILE) as pixels:
            await pixels.process(b"warm")
            slow = [asyncio.create_task(pixels.process(b"slow")) for _ in range(3)]
            await asyncio.sleep(0.05)
            in_hand = pixels._workers[0].in_hand
            await asyncio.gather(*slow)
            return in_hand

    assert asyncio.run(main()) == 2


def test_a_process_starts_no_threads_of_its_own():
    async def main():
        async with Pixels(ImageSpec(), 1) as pixels:
            await pixels.process(picture(1))
            return len(list(Path(f"/proc/{pixels._workers[0].child.pid}/task").iterdir()))

    assert asyncio.run(main()) == 1


def test_a_process_that_does_not_start_stops_the_stage():
    with pytest.raises(BuildError, match="a process for images did not start: it ended with 1"):
        asked(b"any", serve="tests.fetch.hostile:nothing_there")


def test_a_process_that_takes_for_ever_to_start_stops_the_stage(monkeypatch):
    monkeypatch.setattr("wit_builder.fetch.pixels.START_S", 0.0)
    with pytest.raises(BuildError, match="a process for images did not start: it took over 0 s"):
        asked(b"any")


def test_when_nobody_waits_any_more_no_process_is_left():
    async def main():
        async with Pixels(ImageSpec(), 2, serve=HOSTILE) as pixels:
            assert await pixels.process(b"warm")
            waiting = [asyncio.create_task(pixels.process(b"hang")) for _ in range(3)]
            await asyncio.sleep(0.1)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            assert (await pixels.process(b"next")).image == b"next"

    asyncio.run(main())


def test_no_more_images_are_worked_on_than_there_are_processes():
    async def main():
        async with Pixels(ImageSpec(), 2, serve=HOSTILE) as pixels:
            found = await asyncio.gather(*(pixels.process(b"%d" % n) for n in range(12)))
            return {made.phash_quality for made in found}

    assert len(asyncio.run(main())) <= 2
