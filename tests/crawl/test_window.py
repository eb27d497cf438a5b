from collections import Counter, deque

import pytest

from tests.crawl.test_frontier import addresses, next_level
from wit_builder.crawl import window as window_module
from wit_builder.crawl.frontier import Frontier
from wit_builder.crawl.levels import page_level
from wit_builder.crawl.window import Window


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(window_module, "ADDRESSES", 40)
    monkeypatch.setattr(window_module, "HOSTS", 4)
    monkeypatch.setattr(window_module, "_LEAST", 2)


@pytest.mark.parametrize("hosts", [1, 3, 4, 5, 20])
def test_every_chosen_address_is_handed_out_once_and_few_at_a_time(tmp_path, small, hosts):
    all_of_them = [a for number in range(hosts) for a in addresses(f"{number}.test", number % 7 + 1)]
    with Frontier(tmp_path / "f.sqlite") as frontier:
        frontier.add(all_of_them, page_level(0))
        next_level(frontier)
        frontier.choose(6, None)
        out, most = drain(frontier, hosts)
    assert out == Counter({host: min(6, n) for host, n in Counter(a.host for a in all_of_them).items()})
    assert most <= 40


def drain(frontier: Frontier, hosts: int) -> tuple[Counter[str], int]:
    """What was handed out, by host, and how much of it waited at the same time."""
    queue = deque()
    window = Window(frontier, queue.append)
    window.open(hosts)
    out, most = [], 0
    while queue:
        most = max(most, len(queue))
        address = queue.popleft()
        out.append(address)
        window.taken(address.host)
    assert len({address.key for address in out}) == len(out)
    return Counter(address.host for address in out), most


def test_a_host_with_much_to_do_does_not_keep_others_waiting(tmp_path, small):
    with Frontier(tmp_path / "f.sqlite") as frontier:
        frontier.add([*addresses("a.test", 1000), *addresses("b.test", 3)], page_level(0))
        next_level(frontier)
        frontier.choose(1000, None)
        queue = []
        Window(frontier, queue.append).open(2)
    assert {address.host for address in queue} == {"a.test", "b.test"}
    assert len(queue) <= 40
