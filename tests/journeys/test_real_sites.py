"""Real pages and images that nobody here wrote, under their own host names, through the whole road."""

import gzip
import io
import json
from collections import Counter

import pyarrow.parquet as pq
import pytest
import webdataset
from PIL import Image

from tests.journeys.folders import kept, lost, wit
from tests.shared_data import shared_data
from tests.site.server import load_headers, served
from wit_builder.text.normalize import fold
from wit_builder.web.url import normalise

# webdataset leaves the tar open when its pipeline ends
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def pages():
    lines = gzip.decompress(shared_data("sites/truth.jsonl.gz").read_bytes()).splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def out(pages, tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    sites = shared_data("sites")
    seeds = folder / "seeds.txt"
    seeds.write_text("\n".join(page["page"] for page in pages))
    hosts = sorted(path.name for path in sites.iterdir() if path.is_dir())
    with served(sites, load_headers(sites / "headers.json")) as port:
        reach = [f"--connect-to={host}=127.0.0.1:{port}" for host in hosts] + ["--connect-to=*="]
        command = ["build", "crawl", "--seeds", seeds, "--out", folder / "out", "--quiet", "--max-depth", 0]
        command += ["--delay", 0, "--allow-network", "127.0.0.0/8", *reach]
        done = wit(*command)
    assert done.returncode == 0, done.stderr
    return folder / "out"


def test_every_page_is_read(out, pages):
    funnel = json.loads((out / "funnel.json").read_bytes())
    assert funnel["pages"]["kept"] == len(pages) == 885
    assert set(funnel["pages"]["dropped"]) <= {"too_deep"}


def test_every_image_with_an_alt_is_a_candidate_with_that_alt_or_its_page_opted_out(out, pages):
    found = Counter()
    for path in out.glob("candidates/*.parquet"):
        for row in pq.read_table(path).to_pylist():
            texts = {row["caption"], *(text["text"] for text in row["alt_texts"])}
            found.update((row["page_url"], text) for text in texts)
    opted_out = {row[2] for row in lost(out) if row[1].startswith("opt_out")}
    wanted = [
        (normalise(page["page"]), fold(alt), url)
        for page in pages
        if page["parsers_agree"]
        for src, alt, url, file in page["images"]
        if alt and fold(alt) and file
    ]
    missing = [pair for pair in wanted if pair[:2] not in found and normalise(pair[2]) not in opted_out]
    assert len(wanted) > 2000
    assert missing == []


def test_every_image_that_is_there_and_was_wanted_is_had(out):
    failed = Counter(reason for stage, reason, url, _ in lost(out) if stage == "fetch")
    assert set(failed) <= {"http_404", "dns", "robots_unreachable", "decode_error"}


def test_the_shards_read_as_pictures_with_captions(out):
    urls = [str(path) for path in sorted(out.glob("shards/*.tar"))]
    samples = list(webdataset.WebDataset(urls, shardshuffle=False, empty_check=False))
    assert len(samples) == len(kept(out)) > 500
    for sample in samples:
        image = Image.open(io.BytesIO(sample["jpg"]))
        meta = json.loads(sample["json"])
        assert (image.mode, image.size) == ("RGB", (meta["width"], meta["height"]))
        assert not image.getexif()
        assert sample["txt"].decode() == meta["caption"]


def test_captions_keep_their_languages(out):
    languages = Counter(
        row["lang"]
        for path in out.glob("shards/*.parquet")
        for row in pq.read_table(path, columns=["lang", "status"]).to_pylist()
        if row["status"] == "success"
    )
    assert languages["en"] > 300
    assert languages["ja"] > 100


def test_verify_and_show_take_it(out):
    assert wit("verify", out).returncode == 0
    assert "clean" in wit("show", out).stdout
