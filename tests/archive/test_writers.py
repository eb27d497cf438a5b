"""What other programs write today is read whole: GNU Wget and warcio, and from Wget's archive on to shards."""

import gzip
import io
import json
import os
import shutil
import subprocess
from collections import Counter

import pyarrow.parquet as pq
import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from tests.archive.archives import HTML, MAX_BYTES, told, warc
from tests.cli import tiny_web
from tests.journeys.folders import kept, wit
from tests.site.server import served
from wit_builder.archive.collect import outcomes
from wit_builder.archive.rows import NoPage, Page
from wit_builder.archive.warc import WarcReader
from wit_builder.extract.settings import Extraction

HERE = "127.0.0.1"

# warcio leaves the files open in which it buffers records
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def wget():
    """Runs Wget; the tests that need it are left out where it is not installed, but not in CI."""
    program = shutil.which("wget")
    if program is None:
        assert os.environ.get("CI") != "true", "CI needs wget: apt-get install wget"
        pytest.skip("wget is not installed")
    return lambda folder, *words: subprocess.run(
        [program, "--quiet", "--recursive", "--level=9", "--tries=1", *words],
        cwd=folder,
        check=False,
        timeout=60,
    )


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """The port of a web of one host with 5 pages, 4 pictures and a dead link."""
    hosts = tmp_path_factory.mktemp("hosts")
    tiny_web.write(hosts)
    (hosts / "site.test").rename(hosts / HERE)
    site = hosts / HERE
    for n in range(4):
        image = f'<img src=a.png alt="{tiny_web.CAPTIONS["a.png"][0]}">'
        (site / f"{n}.html").write_text(f"<meta charset=utf-8>{image}<a href={(n + 1) % 4}.html>next</a>")
    with (site / "index.html").open("a") as index:
        index.write("<a href=0.html>0</a><a href=gone.html>gone</a>")
    with served(hosts) as port:
        yield port


def read(path) -> list[Page | NoPage]:
    with path.open("rb") as file:
        return list(outcomes(file, WarcReader(path.name, Extraction(), MAX_BYTES)))


@pytest.mark.parametrize(
    ("words", "name"),
    [((), "a.warc.gz"), (("--no-warc-compression",), "a.warc"), (("--warc-max-size=3k",), "*.gz")],
)
def test_an_archive_by_wget_is_read_whole(wget, web, tmp_path, words, name):
    wget(tmp_path, "--warc-file=a", *words, f"http://{HERE}:{web}/")
    found = [outcome for path in sorted(tmp_path.glob(name)) for outcome in read(path)]
    reasons = Counter("page" if isinstance(outcome, Page) else outcome.reason for outcome in found)
    assert (reasons["page"], reasons["http_404"], reasons["bad_record"], reasons["not_warc"]) == (5, 2, 0, 0)
    assert len(told([outcome for outcome in found if isinstance(outcome, Page)])) == 4 + 4


def test_revisits_by_wget_are_counted(wget, web, tmp_path):
    wget(tmp_path, "--warc-file=a", "--warc-cdx", f"http://{HERE}:{web}/")
    wget(tmp_path, "--warc-file=b", "--warc-dedup=a.cdx", f"http://{HERE}:{web}/")
    reasons = Counter(
        outcome.reason for outcome in read(tmp_path / "b.warc.gz") if isinstance(outcome, NoPage)
    )
    assert reasons["revisit"] >= 5


def by_warcio(gzipped: bool, version: str) -> bytes:
    """A page plain, chunked and gzipped, a resource, a revisit, a request, and what is no page."""
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=gzipped, warc_version=version)
    writer.write_record(writer.create_warcinfo_record("a.warc", {"software": "warcio"}))

    def write(kind: str, body: bytes, *headers: tuple[str, str], status: str = "200 OK") -> None:
        lines = StatusAndHeaders(status, [("Content-Type", "text/html"), *headers], protocol="HTTP/1.1")
        url = f"http://a.test/{out.tell()}"
        writer.write_record(
            writer.create_warc_record(url, kind, payload=io.BytesIO(body), http_headers=lines)
        )

    write("response", HTML)
    write("response", b"%x\r\n%b\r\n0\r\n\r\n" % (len(HTML), HTML), ("Transfer-Encoding", "chunked"))
    write("response", gzip.compress(HTML), ("Content-Encoding", "gzip"))
    write("response", b"", status="404 Not Found")
    writer.write_record(
        writer.create_warc_record(
            "http://a.test/r", "resource", io.BytesIO(HTML), warc_content_type="text/html"
        )
    )
    writer.write_record(
        writer.create_revisit_record("http://a.test/v", "sha1:X", "http://a.test/", "2024-01-01T00:00:00Z")
    )
    return out.getvalue()


@pytest.mark.parametrize("gzipped", [True, False])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_archive_by_warcio_is_read_whole(gzipped, version):
    page = "A cat on a wall"
    assert told(warc(by_warcio(gzipped, version))) == [page, page, page, "http_404", page, "revisit"]


def test_from_wget_s_archive_to_shards(wget, web, tmp_path):
    wget(tmp_path, "--warc-file=a", f"http://{HERE}:{web}/")
    out = tmp_path / "out"
    words = ["--contact", "me@example.org", "--delay", 0, "--allow-network", "127.0.0.0/8", "--quiet"]
    done = wit("build", "common-crawl", "--warc", tmp_path / "*.warc.gz", "--out", out, *words)
    assert done.returncode == 0, done.stderr
    site = f"http://{HERE}:{web}/"
    assert set(kept(out)) == {(site + name, caption) for name, (caption, _) in tiny_web.CAPTIONS.items()}
    funnel = json.loads((out / "funnel.json").read_bytes())
    assert funnel["pages"]["kept"] == 5
    assert funnel["select"]["dropped"] == {"duplicate_pair": 4}
    assert all(row["source"].startswith("a.warc.gz@") for row in _candidates(out))
    assert wit("verify", out).returncode == 0


def _candidates(out):
    return [row for path in out.glob("candidates/*.parquet") for row in pq.read_table(path).to_pylist()]
