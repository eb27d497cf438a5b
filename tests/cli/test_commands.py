"""The small commands, and what `wit build` and `wit retry` do with what they call."""

import json
import re
from dataclasses import dataclass
from importlib.metadata import EntryPoint

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wit_builder.cli import filters
from wit_builder.engine.task import Stopped
from wit_builder.errors import BuildError
from wit_builder.filtering import KEPT, Verdict
from wit_builder.records import HasCaption, HasImage


@dataclass(frozen=True)
class CaptionShouting:
    """Drops captions in capitals.

    Drops for: `caption_shouting`.
    """

    most: float = 0.5
    words: tuple[str, ...] = ()

    def __call__(self, item: HasCaption, /) -> Verdict:
        return KEPT


@dataclass(frozen=True)
class Dark:
    def __call__(self, item: HasImage, /) -> Verdict:
        return KEPT


@pytest.fixture
def plug_ins(monkeypatch):
    """Filters of somebody else's package."""
    names = {"shouting": "CaptionShouting", "dark": "Dark", "broken": "NotThere"}
    points = [EntryPoint(name, f"{__name__}:{what}", "wit_builder.filters") for name, what in names.items()]
    monkeypatch.setattr(filters, "entry_points", lambda group: points)


def test_a_filter_of_somebody_elses_is_listed(wit, plug_ins):
    said = wit("filters")
    assert said.code == 0
    assert (
        f"""CaptionShouting(most=0.5, words=())
from {__name__} import CaptionShouting  # for candidate_filters or sample_filters

Drops captions in capitals.

Drops for: `caption_shouting`.
"""
        in said.out
    )


def test_a_filter_that_reads_the_picture_says_where_it_belongs(wit, plug_ins):
    assert f"Dark()\nfrom {__name__} import Dark  # for sample_filters\n" in wit("filters").out


def test_a_filter_that_cannot_be_loaded_does_not_hide_the_others(wit, plug_ins):
    said = wit("filters")
    assert said.error.startswith("filter broken cannot be loaded: AttributeError: ")
    assert len(re.findall("^from ", said.out, re.MULTILINE)) == 2


def test_every_installed_filter_is_listed_with_reasons(wit):
    text = wit("filters").out
    assert len(re.findall(r"^from wit_filters\.\w+ import \w+ ", text, re.MULTILINE)) >= 12
    assert text.count("Drops for: `") >= 12


def test_the_demo_webs_held_out_pictures_are_written(wit, tmp_path):
    assert wit("demo-web", "--pages", "20", "--eval-set", "held").code == 0
    assert len((tmp_path / "held" / "classnames.txt").read_text().splitlines()) == 48
    assert (tmp_path / "held" / "test" / "0.tar").exists()


def test_the_demo_web_is_served_as_asked(wit, monkeypatch):
    asked = []
    monkeypatch.setattr("wit_builder.demo_web.serve.serve", lambda *how: asked.append(how))
    assert wit("demo-web", "--pages", "20", "--seed", "3", "--port", "0").code == 0
    ((demo, host, port),) = asked
    assert (demo.pages, demo.seed, host, port) == (20, 3, "127.0.0.1", 0)


def test_a_port_that_is_taken_is_one_sentence(wit, monkeypatch):
    def taken(*_):
        raise OSError(98, "address already in use")

    monkeypatch.setattr("wit_builder.demo_web.serve.serve", taken)
    said = wit("demo-web")
    assert (said.code, said.error) == (1, "address already in use")


@pytest.fixture
def built_before(tmp_path, monkeypatch):
    """A folder with a finished build in it, as far as the commands look."""
    (tmp_path / "funnel.json").write_text('{"fetch": {"seen": 5, "kept": 3, "dropped": {"dns": 2}}}')
    monkeypatch.setattr("wit_builder.report.write_report", lambda out: out)
    return tmp_path


def test_retry_hands_on_what_was_asked_and_says_what_it_brought(wit, built_before, monkeypatch):
    asked = []

    def retry(there, only, hosts, executor, watcher, draw, delay_s, deadline_s):
        asked.append((there.name, only, hosts, executor.workers, delay_s, deadline_s))
        return 1234, 56

    monkeypatch.setattr("wit_builder.retry.run", retry)
    how = ["--workers", "3", "--connect-to", "a.test=127.0.0.1:80", "--delay", "2", "--deadline", "60"]
    said = wit("retry", ".", "--only", "dns, 5xx,", *how)
    assert asked == [(".", ["dns", "5xx"], {"a.test": "127.0.0.1:80"}, 3, 2.0, 60.0)]
    assert said.err == "1,234 tried again, 56 of them are pairs in shards now\n"
    assert "  fetch             5           3           2   dns 2\n" in said.out


def stops(*_):
    raise Stopped


def test_a_retry_that_is_stopped_says_how_to_go_on(wit, built_before, monkeypatch):
    monkeypatch.setattr("wit_builder.retry.run", stops)
    said = wit("retry", ".", "--only", "dns")
    assert (said.code, said.error) == (1, "stopped; nothing that was done is lost")
    assert said.hint.endswith("wit retry . --only dns")


def test_a_build_that_is_stopped_says_how_to_go_on(wit, monkeypatch):
    monkeypatch.setattr("wit_builder.build.run", stops)
    said = wit("build", "demo", "--pages", "20", "--out", "my out")
    assert (said.code, said.error) == (1, "stopped; nothing that was done is lost")
    assert said.hint.startswith("go on with: ")
    assert said.hint.endswith("wit build demo --pages 20 --out 'my out' --resume")


def test_a_build_that_fails_says_what_the_stage_says(wit, monkeypatch):
    def fails(*_):
        raise BuildError("the disk is full", "free some")

    monkeypatch.setattr("wit_builder.build.run", fails)
    said = wit("build", "demo")
    assert (said.code, said.error, said.hint) == (1, "the disk is full", "free some")


def test_a_build_gets_what_was_asked(wit, tmp_path, monkeypatch):
    asked = []

    def run(recipe, where, executor, watcher, until):
        asked.append((recipe.demo_web.seed, str(where.out), dict(where.connect_to), executor.workers, until))
        (tmp_path / "out" / "demo" / "funnel.json").write_text("{}")

    monkeypatch.setattr("wit_builder.build.run", run)
    typed = ["--seed", "7", "--workers", "2", "--connect-to", "*=", "--until", "fetch"]
    assert wit("build", "demo", *typed).code == 0
    assert asked == [(7, "out/demo", {"*": None}, 2, "fetch")]


def test_an_unfinished_build_is_not_gone_on_with_unasked(wit, monkeypatch):
    monkeypatch.setattr("wit_builder.build.run", stops)
    wit("build", "demo")
    said = wit("build", "demo")
    assert (said.code, said.error) == (2, "'out/demo' holds an unfinished build")
    assert wit("build", "demo", "--resume").code == 1


def test_show_says_of_a_folder_of_wit_fetch_why_rows_failed(wit, tmp_path):
    sidecar = pa.table({"url": ["http://a.test/1", "http://a.test/2"], "reason": [None, "dns"]})
    pq.write_table(sidecar, tmp_path / "00000.parquet")
    (tmp_path / "00000_stats.json").write_text("{}")
    assert ".: 1 of 2 rows became pairs, 50.0 %\n" in wit("show", ".").out
    assert json.loads(wit("show", ".", "--json").out)["diagnosis"]["kinds"] == {"dns": 1}
