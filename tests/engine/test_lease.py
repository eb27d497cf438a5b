"""One at a time: who lives is left alone, who ended or died is followed, and no clock is compared."""

import os
import threading
import uuid

import orjson
import pytest

from wit_builder import mirror
from wit_builder.engine import lease
from wit_builder.errors import ConfigError
from wit_builder.objects import Objects


@pytest.fixture
def there(monkeypatch):
    for name, seconds in (("BEAT_S", 0.01), ("STALE_S", 0.3), ("POLL_S", 0.05)):
        monkeypatch.setattr(lease, name, seconds)
    return Objects(f"memory://{uuid.uuid4().hex}/run")


def held(there, waits=None):
    return lease.held(there, "driver", (waits if waits is not None else []).append, ConfigError)


def leave(there, **said):
    """What a holder has left."""
    record = {"holder": "h", "machine": "another", "host": "far", "pid": 7, "beat": 3, "ended": False}
    there.create("driver-00001.json", orjson.dumps(record | said))


def test_one_after_the_other(there):
    for _ in range(2):
        with held(there):
            pass
    assert there.listed("**").keys() == {"driver-00001.json", "driver-00002.json"}


def test_who_lives_is_left_alone(there):
    with held(there), pytest.raises(ConfigError, match=rf"process {os.getpid()} on "), held(there):
        pass


def test_who_is_gone_without_a_word_is_followed_after_a_while(there):
    leave(there)
    waits = []
    with held(there, waits):
        assert waits == ["process 7 on far"]


def test_who_ends_while_one_waits_is_followed(there):
    leave(there)
    end = threading.Timer(0.1, lambda: there.write("driver-00001.json", b'{"ended": true}'))
    end.start()
    with held(there):
        pass


def test_who_died_on_this_machine_is_followed_at_once(there, monkeypatch):
    monkeypatch.setattr(lease, "STALE_S", 60.0)
    leave(there, machine=lease.machine(), pid=2**22 + 1)  # more than Linux counts to
    waits = []
    with held(there, waits):
        assert waits == []


def test_an_attempt_waits_for_the_end_of_the_one_before(there, tmp_path):
    order = []
    with mirror.met(there.url, tmp_path):

        def late():
            with lease.alone(tmp_path / "fetch" / "00000"):
                order.append("late")

        with lease.alone(tmp_path / "fetch" / "00000"):
            thread = threading.Thread(target=late)
            thread.start()
            thread.join(0.5)
            order.append("early")
        thread.join(5)
    assert order == ["early", "late"]


def test_where_the_folder_lies_on_a_disk_there_is_nothing_to_wait_for(tmp_path):
    with lease.alone(tmp_path), lease.alone(tmp_path):
        assert list(tmp_path.iterdir()) == []
