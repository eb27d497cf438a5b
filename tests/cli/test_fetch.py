"""What the options of `wit fetch` come to, and what it says of those that cannot be."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wit_builder.cli.fetch import command
from wit_builder.cli.fetched import asked
from wit_builder.download.settings import OURS
from wit_builder.images.picture import RowRules

OUT = ("--out", "OUT", "--contact", "me@example.org")


def made(*words):
    """The Download that these words come to."""
    return asked(command.make_context("wit fetch", ["pairs.parquet", *map(str, words)]).params)


def test_without_options_it_is_what_img2dataset_does_without():
    what = made()
    assert (what.output, what.urls.files, what.urls.columns) == ("files", ("pairs.parquet",), ())
    assert (what.image.size, what.image.mode, what.image.format, what.image.quality) == (
        256,
        "border",
        "jpg",
        95,
    )
    assert (what.image.only_shrink, what.image.keep_original, what.image.row) == (False, False, RowRules())
    assert (what.shards.samples_per_shard, what.shards.index_digits) == (10_000, 5)
    assert (what.layout.caption, what.layout.exif, what.layout.hash, what.layout.ours) == (
        False,
        True,
        "sha256",
        OURS,
    )
    assert (what.web.connect_s, what.web.deadline_s, what.web.connections) == (10, 30, 256)
    assert (what.web.politeness.retries, what.web.politeness.host_delay_s) == (0, 1.0)


@pytest.mark.parametrize("spelling", ["--url_col=URL", "--url-col=URL"])
def test_both_spellings_are_one_option(spelling):
    assert made(spelling).urls.url_col == "URL"


@pytest.mark.parametrize("mode", ["keep_ratio_largest", "keep-ratio-largest"])
def test_and_of_choices_too(mode):
    assert made("--resize_mode", mode).image.mode == "keep_ratio_largest"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--skip_reencode"], True),
        (["--skip_reencode", "True"], True),
        (["--skip_reencode=false"], False),
        ([], False),
    ],
)
def test_a_switch_is_said_as_to_img2dataset(words, expected):
    assert made(*words).image.keep_original is expected


@pytest.mark.parametrize(
    "words", ['["NSFW","similarity"]', "['NSFW', 'similarity']", "[NSFW,similarity]", "NSFW,similarity"]
)
def test_a_list_is_said_as_to_img2dataset(words):
    assert made("--save_additional_columns", words).columns == ("NSFW", "similarity")


@pytest.mark.parametrize(
    ("words", "columns"),
    [
        (r'["a,b", "\u00e9 col"]', ("a,b", "é col")),
        (r'["\ud83d\ude00", "a\/b"]', ("\N{GRINNING FACE}", "a/b")),
        ("['a,b', 'it\\'s']", ("a,b", "it's")),
        ("('a,b', c)", ("a,b", "c")),
        ("['a,b']", ("a,b",)),
        ("['a b', 5xx]", ("a b", "5xx")),
        ("[' a']", (" a",)),
        ("[a-b, 1.50, x y]", ("a-b", "1.50", "x y")),
        ("1.50,0", ("1.50", "0")),
        ("01,4xx", ("01", "4xx")),
        ("[]", ()),
        ("", ()),
    ],
)
def test_quotes_hold_a_word_of_a_list_together(words, columns):
    assert made("--save_additional_columns", words).columns == columns


NULLABLE = ("caption_col", "bbox_col", "save_additional_columns", "verify_hash")
NULLABLE += ("user_agent_token", "disallowed_header_directives")


@pytest.mark.parametrize("option", NULLABLE)
def test_none_is_not_given_as_to_img2dataset(option):
    assert made(f"--{option}", "None") == made()


def test_the_list_may_be_named_by_option():
    params = command.make_context("wit fetch", ["--url_list", "a.csv", "--input_format", "csv.gz"]).params
    assert (asked(params).urls.files, asked(params).urls.format) == (("a.csv",), "csv")


def test_smaller_images_are_left_as_they_are_when_only_bigger_ones_are_resized():
    image = made("--resize_only_if_bigger", "True").image
    assert (image.only_shrink, image.small_as_is) == (True, True)


def test_limits_of_size_and_shape():
    image = made("--min_image_size", 100, "--max_image_area", "1e6", "--max_aspect_ratio", "2.5").image
    assert (image.min_side, image.max_pixels, image.max_aspect) == (100, 1_000_000, 2.5)
    unlimited = made("--max_image_area", "inf", "--max_aspect_ratio", "inf").image
    assert (unlimited.max_pixels, unlimited.max_aspect) == (100_000_000, None)
    assert made("--max_image_area", 2**31 - 1).image.max_pixels == 2**31 - 1


def test_columns_that_verify_are_read_and_not_written_those_of_boxes_are_both():
    what = made("--verify_hash", '["sum","sha256"]', "--verify_phash", "look", "--bbox_col", "faces")
    assert what.image.row == RowRules(hash_column="sum", phash_column="look", boxes_column="faces")
    assert (what.urls.columns, what.columns) == (("faces", "sum", "look"), ("faces",))
    assert what.layout.ours == (*OURS, "hash_check")


def test_a_column_that_has_a_name_of_ours_is_looked_for_under_its_new_one():
    what = made("--verify_hash", "sha256,sha256", "--save_additional_columns", "source")
    assert what.image.row.hash_column == "input_sha256"
    assert what.columns == ("input_source",)


def test_a_column_keeps_the_name_of_a_field_that_only_builds_write():
    names = ("id", "lang", "licence", "page_url", "scores", "hash_check", "jpg")
    assert made("--save_additional_columns", ",".join(names)).columns == names
    verified = made("--save_additional_columns", "hash_check", "--verify_hash", "sum,sha256")
    assert verified.columns == ("input_hash_check",)
    in_rows = ("--save_additional_columns", "jpg", "--output_format", "parquet")
    assert made(*in_rows).columns == ("input_jpg",)


def test_no_hash_is_none():
    assert made("--compute_hash", "None").layout.hash is None


def test_opt_outs_can_be_added_to_ours():
    directives = made("--disallowed_header_directives", '["NoArchive","noai"]').web.optout.directives
    assert directives == ("noai", "noimageai", "noindex", "noimageindex", "none", "noml", "noarchive")


def test_png_takes_img2dataset_s_quality():
    assert made("--encode_format", "png", "--encode_quality", 9).image.format == "png"


def test_connections_are_threads_of_all_processes():
    assert made("--processes_count", 2, "--thread_count", 64).web.connections == 128
    assert made("--processes_count", 16, "--thread_count", 64).web.connections == 256  # in each of 4 tasks


NOT_CARRIED = "is not carried over from img2dataset"

TYPED = {
    (): ("`wit fetch` needs a LIST", "wit fetch pairs.parquet --out OUT"),
    ("a.parquet", "--urlcol", "x"): (
        "`wit fetch` has no option --urlcol",
        "did you mean --url_col or --url_list?",
    ),
    ("a.parquet", "--exract-exif"): (
        "`wit fetch` has no option --exract_exif",
        "did you mean --extract_exif?",
    ),
    ("a.parquet", "--resize_mode", "crop"): (
        "--resize_mode: 'crop' is not one of 'no', 'border', 'keep_ratio', 'keep_ratio_largest', 'center_crop'",
        "wit fetch --help",
    ),
    ("a.parquet", "--output_format", "tfrecord"): (
        f"--output_format tfrecord {NOT_CARRIED}: it needs TensorFlow",
        "--output_format webdataset",
    ),
    ("a.parquet", "--distributor", "pyspark"): (
        f"--distributor pyspark {NOT_CARRIED}: --executor says where tasks run",
        "",
    ),
    ("a.parquet", "--enable_wandb"): (
        f"--enable_wandb True {NOT_CARRIED}: progress is shown here; --json gives it to other programs",
        "",
    ),
    ("a.parquet", "--ignore_ssl_certificate", "True"): (
        f"--ignore_ssl_certificate True {NOT_CARRIED}: what is fetched must come from the host it names",
        "",
    ),
    ("a.parquet", "--disable_all_reencoding=True"): (
        f"--disable_all_reencoding True {NOT_CARRIED}: metadata would reach the shards; "
        "--resize_mode no --skip_reencode keeps all files that need no change",
        "",
    ),
    ("a.parquet", "--disallowed_header_directives", "[]"): (
        "opt-outs are honoured in any case; --disallowed_header_directives can only add to them",
        "",
    ),
    ("a.parquet", "--retry", "dns,timeuot"): (
        "--retry timeuot: no download fails for such a reason",
        "--retry timeout",
    ),
    ("a.parquet", "--verify_hash", '["md5","md5"]'): (
        "--verify_hash is of md5, --compute_hash is sha256",
        "--compute_hash md5",
    ),
    ("a.parquet", "--verify_hash", "sha256"): (
        "--verify_hash ['sha256'] is not a column and md5, sha256 or sha512",
        "--verify_hash sha256,sha256",
    ),
    ("a.parquet", "--save_additional_columns", "width,uid"): (
        "--save_additional_columns width: shards have a field of that name already",
        "",
    ),
    ("a.parquet", "--encode_quality", "0"): ("--encode_quality is 0, expected 1 to 100 for jpg", ""),
    ("a.parquet", "--encode_format", "png", "--encode_quality", "95"): (
        "--encode_quality is 95, expected 0 to 9 for png",
        "",
    ),
    ("a.parquet", "--max_aspect_ratio", "0.5"): ("--max_aspect_ratio is 0.5, expected 1 or more", ""),
    ("a.parquet", "--max_image_area", "nan"): ("--max_image_area is nan, expected 1 or more", ""),
    ("a.parquet", "--timeout", "0"): ("--timeout is 0, expected a number of seconds above 0", ""),
    ("a.parquet", "--timeout", "inf"): ("--timeout is inf, expected a number of seconds above 0", ""),
    ("a.parquet", "--delay", "-1"): ("--delay is -1, expected a number of seconds, 0 or more", ""),
    ("a.parquet", "--max_image_area", "2147483648"): (
        "--max_image_area is 2.14748e+09, expected 2,147,483,647 at most",
        "",
    ),
    ("a.parquet", "--user_agent_token", "a b"): (
        "WebSettings.token is 'a b', expected letters, digits, - and _",
        "",
    ),
    ("a.parquet", "--output_folder", "other"): ("--out is 'OUT', --output_folder is 'other'", "name one"),
    ("a.parquet", "--processes_count", "0"): (
        "--processes_count: 0 is not in the range 1<=x<=1024",
        "wit fetch --help",
    ),
}


@pytest.mark.parametrize("typed", TYPED, ids=" ".join)
def test_a_mistyped_fetch_is_one_sentence_and_a_hint(wit, tmp_path, typed):
    said = wit("fetch", *typed, *OUT)
    assert (said.error, said.hint) == TYPED[typed]
    assert (said.code, said.out) == (2, "")
    assert list(tmp_path.iterdir()) == []


def test_a_command_for_img2dataset_that_says_its_defaults_is_taken():
    words = ["--enable_wandb", "False", "--wandb_project", "img2dataset", "--distributor", "multiprocessing"]
    words += ["--subjob_size", "1000", "--disable_all_reencoding=False", "--downscale_interpolation", "area"]
    assert made(*words) == made()


def test_other_people_s_hosts_need_a_contact(wit, tmp_path):
    said = wit("fetch", "a.parquet", "--out", "OUT")
    assert (said.code, "needs an address where its owner can reach you" in said.error) == (2, True)


def test_a_list_without_the_column_names_those_there_are(wit, tmp_path):
    pq.write_table(pa.table({"address": ["http://a.test/"], "words": ["x"]}), tmp_path / "a.parquet")
    said = wit("fetch", "a.parquet", *OUT, "--url_col", "URL")
    assert (said.code, "address, words" in said.error) == (2, True)
    assert not (tmp_path / "OUT").exists()


def test_an_out_that_is_a_file_is_refused(wit, tmp_path):
    pq.write_table(pa.table({"url": ["http://a.test/"]}), tmp_path / "a.parquet")
    (tmp_path / "OUT").write_text("a file")
    said = wit("fetch", "a.parquet", *OUT, "--url_col", "url")
    assert (said.code, said.error) == (2, "'OUT' cannot be a folder: there is a file in the way")


def test_the_result_is_counts_by_message_or_json(wit, tmp_path):
    pq.write_table(pa.table({"url": ["no address", "http://gone.test/a.png"]}), tmp_path / "a.parquet")
    reach = ["--url_col", "url", "--delay", "0", "--connect-to", "*="]
    said = wit("fetch", "a.parquet", *OUT, *reach)
    assert said.code == 0, said.err
    assert said.out.splitlines()[0] == "OUT: 0 images of 2"
    again = json.loads(wit("fetch", "a.parquet", *OUT, *reach, "--json").out)
    assert (again["count"], again["successes"], again["failed_to_download"]) == (2, 0, 2)
    assert again["status_dict"]["<urlopen error [Errno -2] Name or service not known>"] == 1


def test_a_column_that_could_be_a_caption_is_carried_when_no_caption_is_asked_for(wit, tmp_path):
    pq.write_table(pa.table({"url": ["no address"], "text": ["x"]}), tmp_path / "a.parquet")
    wit("fetch", "a.parquet", *OUT, "--save_additional_columns", "text")
    assert pq.read_table(tmp_path / "OUT" / "00000.parquet").column("text").to_pylist() == ["x"]


def test_a_folder_of_img2dataset_s_that_is_extended_ends_with_its_result(wit, tmp_path):
    pq.write_table(pa.table({"url": ["no address"]}), tmp_path / "a.parquet")
    out = tmp_path / "OUT"
    out.mkdir()
    pq.write_table(pa.table({"key": ["000000000"], "url": ["http://a.test/"]}), out / "00000.parquet")
    counts = dict.fromkeys(("count", "successes"), 1) | dict.fromkeys(
        ("failed_to_download", "failed_to_resize"), 0
    )
    (out / "00000_stats.json").write_text(json.dumps(counts | {"status_dict": {"success": 1}}))
    said = wit("fetch", "a.parquet", *OUT, "--incremental_mode", "extend")
    assert (said.code, said.out.splitlines()[0]) == (0, "OUT: 0 images of 1")


def test_what_an_extend_says_is_of_its_own_list(wit, tmp_path):
    pq.write_table(pa.table({"url": ["no address"] * 3}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"url": ["http://gone.test/a.png"]}), tmp_path / "b.parquet")
    wit("fetch", "a.parquet", *OUT)
    said = wit("fetch", "b.parquet", *OUT, "--incremental_mode", "extend", "--connect-to", "*=", "--json")
    (sentence,) = json.loads(said.out)["diagnosis"]
    assert sentence.startswith("100 % of failed downloads are DNS at gone.test")


def test_columns_stand_in_the_shards_with_what_they_hold_and_another_name_is_said(wit, tmp_path):
    scores, sources = [[0.5, 0.25]], ["theirs"]
    table = {"url": ["http://gone.test/a.png"], "scores": scores, "page_url": ["p"], "source": sources}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    wanted = ("--save_additional_columns", "scores,page_url,source", "--delay", "0", "--connect-to", "*=")
    said = wit("fetch", "a.parquet", *OUT, *wanted)
    assert "columns whose names shards have already: source as input_source" in said.err
    (row,) = pq.read_table(tmp_path / "OUT" / "00000.parquet").to_pylist()
    assert (row["scores"], row["page_url"], row["input_source"]) == (*scores, "p", *sources)
