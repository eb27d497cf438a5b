import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wit_builder.blocklist import lists, tombstones
from wit_builder.blocklist.entries import url_value
from wit_builder.blocklist.settings import Blocklist
from wit_builder.errors import ConfigError

A, B = "a" * 64, "0123456789abcdef" * 4


@pytest.fixture
def read(tmp_path):
    """The (kind, value) of a list of that kind with this content."""

    def of(kind, content, name="list.txt", **more):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        rows = lists.read(Blocklist(**{kind: (str(path),)}, **more)).to_pylist()
        return [(row["kind"], row["value"]) for row in rows]

    return of


@pytest.mark.parametrize(
    ("kind", "line", "found"),
    [
        ("sha256", A, ("sha256", A)),
        ("sha256", f"  {A.upper()}\r", ("sha256", A)),
        ("sha256", f"{A}  holiday snap.jpg", ("sha256", A)),  # as sha256sum writes it
        ("pdq", f"{B},100,../data/bridge.jpg", ("pdq", B)),  # as PDQ's own hasher does
        ("pdq", f'"17";"{B}";"88"', ("pdq", B)),
        ("pdq", f"id-17\t{B}", ("pdq", B)),
        ("urls", "https://Example.org:443/a.jpg#x", ("url", url_value("http://example.org/a.jpg"))),
        (
            "urls",
            "https://example.org/a.jpg#x\t# told by mail",
            ("url", url_value("http://example.org/a.jpg")),
        ),
        ("domains", "Example.ORG.", ("domain", "example.org")),
        ("domains", "example.org # asked on Monday", ("domain", "example.org")),
        ("sha256", f"{A} #{B}", ("sha256", A)),
        ("domains", "bücher.example", ("domain", "xn--bcher-kva.example")),
        ("domains", "10.0.0.1", ("domain", "10.0.0.1")),
    ],
)
def test_a_line_is_an_entry_in_its_one_spelling(read, kind, line, found):
    assert read(kind, f"# what it is\n\n{line}\n") == [found]


@pytest.mark.parametrize(
    ("kind", "found"),
    [("sha256", [("sha256", A)]), ("urls", [("url", url_value("http://example.org/a.jpg"))])],
)
def test_of_a_parquet_file_the_column_of_the_kind_is_read(tmp_path, kind, found):
    path = tmp_path / "exclude.parquet"
    rows = {"key": ["1", "2"], "sha256": [A.upper(), None], "url": [None, "https://example.org/a.jpg"]}
    pq.write_table(pa.table(rows), path)
    read = lists.read(Blocklist(**{kind: (str(path),)})).to_pylist()
    assert [(row["kind"], row["value"]) for row in read] == found


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"url": ["http://a.test/"]}, "has no column sha256"),
        ({"sha256": ["ab"]}, "row 0: 'ab' is no SHA-256"),
    ],
)
def test_a_parquet_file_without_such_entries_is_refused(tmp_path, table, said):
    pq.write_table(pa.table(table), tmp_path / "list.parquet")
    with pytest.raises(ConfigError, match=said):
        lists.read(Blocklist(sha256=(str(tmp_path / "list.parquet"),)))


def test_names_of_columns_may_come_first_and_nowhere_else(read):
    assert read("pdq", f"hash,quality\n{B},99\n") == [("pdq", B)]
    with pytest.raises(ConfigError, match="line 2"):
        read("pdq", f"{B},99\nhash,quality\n")
    with pytest.raises(ConfigError, match="line 1"):
        read("pdq", f"picture,quality\n{B},99\n")


@pytest.mark.parametrize(
    ("kind", "bad", "said"),
    [
        ("sha256", A[:-1], f"'{A[:-1]}' is no SHA-256 (64 hex digits)"),
        ("sha256", A + "a", "is no SHA-256"),
        ("sha256", "g" + A[1:], "is no SHA-256"),
        ("sha256", "d41d8cd98f00b204e9800998ecf8427e", "is no SHA-256"),  # an MD5
        ("pdq", f"{A},{B}", "is no PDQ hash"),  # which of both?
        ("pdq", f"{B[:-2]},100", "is no PDQ hash"),
        ("urls", "example.org/a.jpg", "is no address"),
        ("urls", "ftp://example.org/a.jpg", "is no address"),
        ("domains", "https://example.org/", "is no domain"),
        ("domains", "*.example.org", "is no domain"),
        ("domains", "0.0.0.0 example.org", "is no domain"),  # a hosts file
        ("domains", ".", "is no domain"),
    ],
)
def test_a_line_that_is_no_entry_refuses_the_list_by_file_and_line(read, kind, bad, said, tmp_path):
    good = {"sha256": A, "pdq": B, "urls": "http://a.test/", "domains": "a.test"}[kind]
    assert len(read(kind, f"{good}\n{good}")) == 2
    with pytest.raises(ConfigError) as caught:
        read(kind, f"{good}\n{bad}\n{good}")
    assert str(caught.value).startswith(f"{tmp_path / 'list.txt'}, line 2: ")
    assert said in str(caught.value) and caught.value.hint.startswith("mend or remove that line")


def test_a_packed_list_is_read_by_what_it_begins_with(read):
    assert read("sha256", gzip.compress(f"{A}\n{B}\n".encode()), "list.txt.gz") == [
        ("sha256", A),
        ("sha256", B),
    ]
    assert read("sha256", gzip.compress(A.encode()), "list.txt") == [("sha256", A)]


@pytest.mark.parametrize("cut", [20, -4])
def test_a_packed_list_that_is_cut_is_refused(read, cut):
    packed = gzip.compress("\n".join(f"{n:064x}" for n in range(5_000)).encode())
    with pytest.raises(ConfigError, match="is cut or damaged"):
        read("sha256", packed[:cut], "list.gz")


def test_a_list_without_an_entry_is_refused(read):
    with pytest.raises(ConfigError, match="lists nothing"):
        read("sha256", "# none today\n\n")


def test_what_is_not_utf8_is_refused_and_a_mark_at_the_beginning_is_none(read):
    assert read("sha256", b"\xef\xbb\xbf" + A.encode()) == [("sha256", A)]
    with pytest.raises(ConfigError, match="line 2 is not UTF-8"):
        read("urls", b"http://a.test/\nhttp://b.test/\xff\n")


def test_a_line_without_end_is_refused_before_all_of_it_is_read(read):
    assert read("urls", b"#" + b"a" * (lists.MAX_LINE - 2) + b"\nhttp://a.test/")
    with pytest.raises(ConfigError, match="line 1 is longer than"):
        read("urls", b"#" + b"a" * lists.MAX_LINE)


def test_more_entries_than_fit_are_refused(read, monkeypatch):
    monkeypatch.setattr(lists, "MAX_ENTRIES", 4)
    monkeypatch.setattr(lists, "_ROWS", 2)
    assert len(read("sha256", f"{A}\n" * 4)) == 4
    with pytest.raises(ConfigError, match="more than 4 entries"):
        read("sha256", f"{A}\n" * 6)


def test_a_list_that_is_not_there_is_said():
    with pytest.raises(ConfigError, match="No such file"):
        lists.read(Blocklist(urls=("none.txt",)))


def test_what_is_no_tombstone_file_is_said(tmp_path, read):
    with pytest.raises(ConfigError, match="holds no tombstones"):
        read("tombstones", A, "t.parquet")


@pytest.mark.parametrize(
    "change", [{"kind": "colour"}, {"value": "x"}, {"radius": None}, {"radius": 256}, {"radius": -1}]
)
def test_a_row_that_is_no_tombstone_refuses_the_file(tmp_path, change):
    from datetime import UTC, datetime

    row = {"kind": "pdq", "value": B, "radius": 31, "at": datetime.now(UTC), "why": ""}
    path = tmp_path / "t.parquet"
    tombstones.write(path, [tombstones.Tombstone(**row)])
    assert len(lists.read(Blocklist(tombstones=(str(path),)))) == 1
    tombstones.write(path, [tombstones.Tombstone(**row), tombstones.Tombstone(**(row | change))])
    with pytest.raises(ConfigError, match="row 2"):
        lists.read(Blocklist(tombstones=(str(path),)))


@pytest.mark.parametrize("radius", [0, 255])
def test_a_radius_is_within_a_hash(radius):
    assert Blocklist(pdq_radius=radius).pdq_radius == radius


@pytest.mark.parametrize("radius", [-1, 256])
def test_a_radius_out_of_range_is_refused_by_name(radius):
    with pytest.raises(ConfigError, match=f"Blocklist.pdq_radius is {radius}"):
        Blocklist(pdq_radius=radius)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("bad.txt", "--blocklist sha256:bad.txt"),
        ("OUT/tombstones.parquet", "--blocklist tombstones:OUT/tombstones.parquet"),
        ("s3://bucket/bad.txt", "--blocklist sha256:s3://bucket/bad.txt"),
        ("md5:bad.txt", "--blocklist sha256:md5:bad.txt"),
        ("pdq:", "--blocklist pdq:FILE"),
    ],
)
def test_a_list_that_does_not_say_its_kind_is_refused(word, hint):
    with pytest.raises(ConfigError, match="does not say what it lists") as caught:
        Blocklist.named((word,))
    assert caught.value.hint == hint
