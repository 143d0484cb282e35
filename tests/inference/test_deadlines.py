"""One timer for all requests."""

from __future__ import annotations

import asyncio

import pytest

from inference.deadlines import Deadlines

SECONDS = 0.1


async def hold(deadlines: Deadlines, seconds: float) -> str:
    """A request that takes so long, and how it ended."""
    task = deadlines.enter()
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        if deadlines.passed(task):
            return "late"
        raise
    else:
        return "done"
    finally:
        deadlines.leave(task)


def test_a_request_that_ends_in_time_is_left_alone() -> None:
    async def run() -> None:
        deadlines = Deadlines(SECONDS)
        assert await hold(deadlines, 0) == "done"
        assert len(deadlines) == 0

    asyncio.run(run())


def test_only_the_requests_that_take_longer_are_cancelled() -> None:
    async def run() -> None:
        deadlines = Deadlines(SECONDS)
        slow = [asyncio.create_task(hold(deadlines, 30)) for _ in range(3)]
        quick = [asyncio.create_task(hold(deadlines, 0.001)) for _ in range(3)]
        await asyncio.sleep(0)
        assert len(deadlines) == 6
        assert await asyncio.gather(*slow, *quick) == ["late"] * 3 + ["done"] * 3
        assert len(deadlines) == 0

    asyncio.run(run())


def test_a_late_request_ends_between_its_time_and_half_as_much_again() -> None:
    """The timer checks four times per timeout, and never cancels too early."""

    async def run() -> float:
        loop = asyncio.get_running_loop()
        start = loop.time()
        assert await hold(Deadlines(SECONDS), 30) == "late"
        return loop.time() - start

    assert asyncio.run(run()) >= SECONDS


def test_after_its_cancellation_a_task_can_wait_again() -> None:
    """To send an answer: a cancellation that still counted would end that as well."""

    async def run() -> None:
        task = asyncio.current_task()
        assert task is not None
        assert await hold(Deadlines(SECONDS), 30) == "late"
        assert task.cancelling() == 0
        async with asyncio.timeout(5):
            await asyncio.sleep(0.01)

    asyncio.run(run())


def test_a_cancellation_from_elsewhere_is_passed_on() -> None:
    async def run() -> None:
        deadlines = Deadlines(30)
        task = asyncio.create_task(hold(deadlines, 30))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(deadlines) == 0

    asyncio.run(run())


def test_the_timer_rests_while_nothing_is_in_flight_and_wakes_up_again() -> None:
    async def run() -> None:
        deadlines = Deadlines(SECONDS)
        for _ in range(2):
            assert await hold(deadlines, 30) == "late"
            await asyncio.sleep(SECONDS)

    asyncio.run(run())
