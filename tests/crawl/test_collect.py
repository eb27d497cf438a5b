import json

import pytest

from tests.crawl.sites import WEB, FakeWeb, page
from wit_builder.crawl.collect import collect
from wit_builder.crawl.settings import Crawl
from wit_builder.engine.task import Stopped, Task
from wit_builder.extract.settings import Extraction


@pytest.fixture
def task(tmp_path):
    web = FakeWeb({"a.test/": page("/b", images={"/cat.jpg": "a cat"})})
    with web.served() as port:
        (tmp_path / "session.json").write_text(json.dumps({"connect_to": {"*": f"127.0.0.1:{port}"}}))
        params = {"crawl": Crawl(("http://a.test/",)), "web": WEB, "extraction": Extraction()}
        yield Task(tmp_path, "collect", "00000", None, params)


def test_the_stage_hands_on_files_and_counts(task):
    collect(task)
    assert task.files == {
        "candidates": ["00000/candidates/part-00000.parquet"],
        "losses": ["00000/losses/part-00000.parquet"],
    }
    assert task.funnel["pages"].kept == task.funnel["extract"].kept == 1


def test_a_stopped_stage_goes_on_later(task):
    task.stopping = lambda: True
    with pytest.raises(Stopped):
        collect(task)
    task.stopping = lambda: False
    collect(task)
    assert task.funnel["pages"].seen == 2
