import io
import json
from importlib import import_module
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from wit_builder import place
from wit_builder.errors import ShardError
from wit_builder.report import fetched, is_fetched, render_fetched
from wit_builder.report.tally import Count


def write(out: Path, index: int, reasons: list[str | None]) -> None:
    """A shard of `wit fetch`, as far as it is read."""
    urls = [f"http://h{n}.test/{n}.jpg" for n in range(len(reasons))]
    table = pa.table({"url": urls, "reason": pa.array(reasons, pa.string()), "status": ["any"] * len(urls)})
    pq.write_table(table, out / f"{index:05d}.parquet")
    (out / f"{index:05d}_stats.json").write_text("{}")


def test_a_folder_of_wit_fetch_says_why_rows_failed(tmp_path: Path) -> None:
    write(tmp_path, 0, [None, "http_404", "http_410", None])
    write(tmp_path, 1, ["timeout"])
    found = fetched(place.at(tmp_path))
    assert (found.rows, found.pairs) == (5, 2)
    assert found.diagnosis.kinds == (Count("http_404", 1), Count("http_410", 1), Count("timeout", 1))
    gone, slow = found.diagnosis.sentences
    assert gone.startswith("67 % of failed downloads are HTTP 404 or 410 at h1.test and h2.test")
    assert slow.endswith("`wit fetch ... --retry timeout`")


def test_it_is_printed_as_text_and_as_json(tmp_path: Path) -> None:
    write(tmp_path, 0, [None, "dns"])
    console = Console(file=io.StringIO(), width=200)
    console.print(render_fetched(str(tmp_path), fetched(place.at(tmp_path))))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "1 of 2 rows became pairs, 50.0 %" in text
    assert "100 % of failed downloads are DNS at h1.test" in text
    said = json.loads(json.dumps(fetched(place.at(tmp_path)).as_json()))
    assert (said["rows"], said["diagnosis"]["kinds"]) == (2, {"dns": 1})


@pytest.mark.parametrize(("most", "told"), [(5, "at 5 hosts:"), (4, "at 2 hosts or more:")])
def test_hosts_that_were_forgotten_are_not_said_to_be_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, told: str
) -> None:
    monkeypatch.setattr(import_module("wit_builder.report.fetched"), "MOST_HOSTS", most)
    write(tmp_path, 0, ["http_404"] * 5)
    assert told in fetched(place.at(tmp_path)).diagnosis.sentences[0]


def test_a_build_is_no_folder_of_wit_fetch(tmp_path: Path) -> None:
    assert not is_fetched(place.at(tmp_path))
    write(tmp_path, 0, [None])
    assert is_fetched(place.at(tmp_path))
    (tmp_path / "build.json").write_text("{}")
    assert not is_fetched(place.at(tmp_path))


def test_a_sidecar_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "00000.parquet").write_bytes(b"PAR1")
    with pytest.raises(ShardError, match="cannot be read"):
        fetched(place.at(tmp_path))


def test_sidecars_of_others_are_passed_over_and_counted(tmp_path: Path) -> None:
    pq.write_table(pa.table({"url": ["http://a.test/"], "status": ["success"]}), tmp_path / "00000.parquet")
    pq.write_table(pa.table({"reason": ["dns"]}), tmp_path / "00001.parquet")
    write(tmp_path, 2, [None, "dns"])
    found = fetched(place.at(tmp_path))
    assert (found.rows, found.pairs, found.others) == (2, 1, 2)
    console = Console(file=io.StringIO(), width=200)
    console.print(render_fetched(str(tmp_path), found))
    assert "2 sidecars of another program beside them" in console.file.getvalue()  # type: ignore[attr-defined]
