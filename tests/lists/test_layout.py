import pytest

from tests.lists.reading import parquet, read, write
from wit_builder.errors import ConfigError
from wit_builder.lists.plan import plan
from wit_builder.lists.settings import UrlList

URL, TEXT = "http://a.test/1.jpg", "a red boat"
LAYOUTS = {  # the columns as published, with which are URL and caption
    "LAION-400M": ("SAMPLE_ID URL TEXT HEIGHT WIDTH LICENSE NSFW similarity", "URL", "TEXT"),
    "LAION-2B-en": ("URL TEXT WIDTH HEIGHT similarity hash punsafe pwatermark LANGUAGE", "URL", "TEXT"),
    "LAION-COCO": ("URL TEXT top_caption all_captions", "URL", "TEXT"),
    "DataComp": ("uid url text original_width original_height face_bboxes sha256", "url", "text"),
    "COYO": ("id url text width height image_phash text_length word_count", "url", "text"),
    "RedCaps": ("image_id author url raw_caption caption subreddit", "url", "caption"),
    "cc2dataset": ("uid url alt cc_filename page_url", "url", "alt"),
    "CC3M of Hugging Face": ("image_url caption", "image_url", "caption"),
    "Unsplash": ("photo_id photo_url photo_image_url photo_description", "photo_image_url", "photo_description"),
    "spreadsheet": ("Image URL;Alt Text;Note", "Image URL", "Alt Text"),
    "both": ("title text Caption url", "url", "Caption"),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_columns_of_known_lists_are_known_by_name(tmp_path, layout):
    columns, url, caption = LAYOUTS[layout]
    names = columns.split(";" if ";" in columns else " ")
    row = dict.fromkeys(names, "x") | {url: URL, caption: TEXT}
    file = parquet(tmp_path / "a.parquet", [row])
    assert read(tmp_path, file).pairs == [(URL, TEXT)]
    said = plan(UrlList(files=(str(file),))).said
    assert f"URLs are in the column {url!r}, captions in {caption!r}" in said


def test_what_is_carried_through_is_said(tmp_path):
    file = parquet(tmp_path / "a.parquet", url=[URL], text=[TEXT], width=[1], score=[0.5])
    assert plan(UrlList(files=(str(file),))).said.endswith("; carried through: width as input_width, score")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cc12m.tsv", f"{URL}\t{TEXT}\n"),
        ("cc3m.tsv", f"{TEXT}\t{URL}\n"),
        ("own.csv", f"{URL},{TEXT}\n"),
        ("own.csv.gz", f'"{URL}","{TEXT}"\n'),
    ],
)
def test_a_first_row_with_an_address_names_no_columns(tmp_path, name, text):
    """CC12M's file has the URL first, CC3M's the caption."""
    done = read(tmp_path, write(tmp_path / name, text))
    assert done.pairs == [(URL, TEXT)]
    assert done.rows()[0]["source"] == f"{name}#0"


def test_of_more_columns_without_names_the_caption_is_to_be_named(tmp_path):
    file = write(tmp_path / "labels.tsv", f"{TEXT}\t{URL}\tboat,sea\n")
    assert plan(UrlList(files=(str(file),))).caption == ""
    done = read(tmp_path, file, caption_col="column_1")
    assert (done.pairs, done.extras) == ([(URL, TEXT)], [{"column_3": "boat,sea"}])


def test_a_column_without_a_name_gets_one(tmp_path):
    """As pandas writes its index."""
    done = read(tmp_path, write(tmp_path / "a.csv", f",url,text\n7,{URL},{TEXT}\n"))
    assert done.extras == [{"column_1": "7"}]


def test_columns_may_be_named(tmp_path):
    file = parquet(tmp_path / "a.parquet", url=["x"], where=[URL], text=["y"], what=[TEXT])
    done = read(tmp_path, file, url_col="where", caption_col="what")
    assert (done.pairs, done.extras) == ([(URL, TEXT)], [{"input_url": "x", "text": "y"}])


def refusal(*files, **more):
    with pytest.raises(ConfigError) as refused:
        plan(UrlList(files=tuple(map(str, files)), **more))
    return str(refused.value), refused.value.hint


@pytest.mark.parametrize(
    ("more", "hint"),
    [
        ({"url_col": "URL"}, "--url-col url"),
        ({"caption_col": "captoin"}, "--caption-col caption"),
        ({"columns": ("widht",)}, "did you mean width?"),
        ({"caption_col": "zzz"}, None),
    ],
)
def test_a_column_that_is_not_there_is_said_with_those_that_are_and_the_nearest(tmp_path, more, hint):
    file = parquet(tmp_path / "a.parquet", url=[URL], caption=[TEXT], width=[1])
    said, hinted = refusal(file, **more)
    assert "a.parquet has no column" in said
    assert said.endswith("it has url, caption, width")
    assert hinted == hint


def test_columns_of_which_none_says_url_are_named(tmp_path):
    said, hint = refusal(parquet(tmp_path / "a.parquet", a=[URL], b=[TEXT]))
    assert "a.parquet has a name that says URL; it has a, b" in said
    assert hint == "--url-col NAME"


@pytest.mark.parametrize(("name", "sign"), [("a.csv", ";"), ("a.csv", "|"), ("a.csv", "\t"), ("a.tsv", ",")])
def test_columns_parted_by_another_sign_are_seen(tmp_path, name, sign):
    said, hint = refusal(write(tmp_path / name, f"url{sign}caption\n{URL}{sign}x\n"))
    assert f"has a name that says URL; it has url{sign}caption" in said
    assert hint == "part columns with commas (csv) or tabs (tsv)"


def test_many_columns_are_not_all_named(tmp_path):
    said, _ = refusal(parquet(tmp_path / "a.parquet", **{f"c{n}": ["x"] for n in range(40)}))
    assert said.endswith("c29 and 10 more")


def test_more_columns_than_can_be_are_refused(tmp_path):
    head = ",".join(f"c{n}" for n in range(4_097))
    said, _ = refusal(write(tmp_path / "a.csv", f"{head}\n"))
    assert "has 4,097 columns, 4,096 at most" in said


def test_a_file_that_lacks_a_column_of_the_others_is_named(tmp_path):
    write(tmp_path / "a.csv", "url,text\nx,y\n")
    write(tmp_path / "b.csv", "url,caption\nx,y\n")
    said, _ = refusal(tmp_path / "*.csv")
    assert said.endswith("b.csv has no column 'text', as others have; it has url, caption")


def test_a_column_of_numbers_holds_no_urls(tmp_path):
    said, _ = refusal(parquet(tmp_path / "a.parquet", url=[1], caption=["x"]))
    assert said.endswith("a.parquet is int64, expected text")


@pytest.mark.parametrize("columns", [(), None])
def test_where_the_caption_stands_twice_only_another_name_helps(tmp_path, columns):
    file = write(tmp_path / "a.csv", f"url,text,text\n{URL},{TEXT},x\n")
    said, hint = refusal(file, columns=columns)
    assert ("several columns of one name: text" in said, hint) == (True, "rename them")


def test_two_columns_of_one_name_are_refused_where_they_are_needed(tmp_path):
    file = write(tmp_path / "a.csv", f"url,text,note,note\n{URL},{TEXT},1,2\n")
    said, hint = refusal(file)
    assert "several columns of one name: note" in said
    assert hint == "rename them, or name those to carry through"
    assert read(tmp_path, file, columns=()).pairs == [(URL, TEXT)]


def test_only_the_columns_asked_for_are_carried(tmp_path):
    file = parquet(tmp_path / "a.parquet", url=[URL], text=[TEXT], a=[1], b=[2])
    assert read(tmp_path, file, columns=("b",)).extras == [{"b": 2}]
    assert read(tmp_path, file, columns=()).rows()[0]["extra"] == ""


def test_a_list_must_be_named_and_its_format_known():
    with pytest.raises(ConfigError, match="no list is named"):
        UrlList(files=())
    with pytest.raises(ConfigError, match="no format 'xlsx'; those are parquet, csv"):
        UrlList(files=("a",), format="xlsx")
