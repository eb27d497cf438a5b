import json
from dataclasses import replace

import pytest

from tests.crawl.sites import WEB, FakeWeb, page
from wit_builder.crawl.collect import collect
from wit_builder.crawl.settings import Crawl
from wit_builder.engine.task import Stopped, Task
from wit_builder.extract.settings import Extraction
from wit_builder.web.settings import OptOut


@pytest.fixture
def task(tmp_path):
    noai = page(images={"/dog.jpg": "a dog"}, more='<meta name="robots" content="noai">')
    web = FakeWeb({"a.test/": page("/b", images={"/cat.jpg": "a cat"}), "a.test/noai": noai})
    with web.served() as port:
        (tmp_path / "session.json").write_text(json.dumps({"connect_to": {"*": f"127.0.0.1:{port}"}}))
        params = {"crawl": Crawl(("http://a.test/",)), "web": WEB, "extraction": Extraction()}
        yield Task(tmp_path, "collect", "00000", None, params)


def test_the_stage_hands_on_files_and_counts(task):
    collect(task)
    assert task.files == {
        "candidates": [f"00000/candidates/part-00000.{task.attempt}.parquet"],
        "losses": [f"00000/losses/part-00000.{task.attempt}.parquet"],
        "wishes": ["00000/journal.jsonl"],
    }
    assert task.funnel["pages"].kept == task.funnel["extract"].kept == 1


def test_a_stopped_stage_goes_on_later(task):
    task.stopping = lambda: True
    with pytest.raises(Stopped):
        collect(task)
    task.stopping = lambda: False
    collect(task)
    assert task.funnel["pages"].seen == 2


@pytest.mark.parametrize(("directives", "kept"), [(("noai",), 0), ((), 1)])
def test_the_web_s_opt_out_policy_is_that_of_the_pages_too(task, directives, kept):
    policy = OptOut(directives=directives, tdmrep=False)
    task.params["web"] = replace(WEB, optout=policy)
    task.params["crawl"] = Crawl(("http://a.test/noai",))
    collect(task)
    assert task.funnel["extract"].kept == kept
