from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from wit_builder.ledger import Funnel
from wit_builder.shards.card import CardFacts, render_card, size_category


def facts(**changes: Any) -> CardFacts:
    funnel = Funnel()
    funnel["fetch"].kept = 1_200
    funnel["fetch"].drop("http_404", 34)
    funnel["fetch"].drop("robots", 5)
    made = CardFacts(
        name="Demo",
        recipe="demo",
        samples=1_200,
        shards=2,
        bytes=31_000_000,
        funnel=funnel,
        command="wit build demo --out out/demo",
        date=date(2026, 3, 1),
        languages={"en": 900, "no": 200, "": 100},
        licences={"https://creativecommons.org/licenses/by/4.0/": 7},
        opt_outs={"robots": 5},
        versions={"wit-builder": "0.1.0"},
    )
    return replace(made, **changes)


def metadata(card: str) -> dict[str, Any]:
    """The YAML block, cut as Hugging Face does: from the first line to the next line of three dashes."""
    opening, block, _ = card.split("---\n", 2)
    assert opening == ""
    found: dict[str, Any] = yaml.safe_load(block)
    return found


def body(card: str) -> str:
    return card.split("---\n", 2)[2]


def test_the_metadata_is_what_hugging_face_reads() -> None:
    assert metadata(render_card(facts())) == {
        "pretty_name": "Demo",
        "license": "other",
        "license_name": "images-and-texts-remain-their-owners",
        "license_link": "README.md",
        "language": ["en", "no"],
        "size_categories": ["1K<n<10K"],
        "task_categories": ["image-to-text", "text-to-image", "zero-shot-image-classification"],
        "tags": ["webdataset", "image-text", "clip", "web-crawl"],
        "configs": [
            {"config_name": "default", "data_files": [{"split": "train", "path": "shards/*.tar"}]},
        ],
    }


@pytest.mark.parametrize(
    ("samples", "name"),
    [
        (0, "n<1K"),
        (999, "n<1K"),
        (1_000, "1K<n<10K"),
        (99_999, "10K<n<100K"),
        (10**6, "1M<n<10M"),
        (10**12 - 1, "100B<n<1T"),
        (10**12, "n>1T"),
    ],
)
def test_sizes_have_hugging_face_s_names(samples: int, name: str) -> None:
    assert size_category(samples) == name


def test_the_body_gives_the_counts_of_the_run() -> None:
    text = body(render_card(facts()))

    assert (
        "1,200 pairs of image and text from the web, in 2 WebDataset shards (0.03 GB), built on 2026-03-01"
        in text
    )
    assert r"| images asked for | 1,239 | 1,200 | http\_404 34, robots 5 |" in text
    assert "| (none) | 100 |" in text
    assert "```sh\nwit build demo --out out/demo\n```" in text


def test_pairs_of_a_list_were_taken_from_no_page() -> None:
    crawled = facts()
    crawled.funnel["pages"].kept = 3
    assert "were taken from web pages, filtered" in render_card(crawled)
    assert "were taken as lists of addresses and texts have them, filtered" in render_card(facts())


def test_what_was_not_counted_has_no_section() -> None:
    text = body(render_card(facts(opt_outs={}, licences={})))

    assert "Licences" not in text
    assert "the owner said so" not in text


def test_a_card_without_languages_has_valid_metadata() -> None:
    assert "language" not in metadata(render_card(facts(languages={})))


@pytest.mark.parametrize("code", ["EN", "e", "engl", "en\n", "zxx-", "*", "--"])
def test_a_language_that_is_no_code_stays_out_of_the_metadata(code: str) -> None:
    assert metadata(render_card(facts(languages={code: 1, "de": 1})))["language"] == ["de"]


def test_long_tables_end_with_the_sum_of_the_rest() -> None:
    licences = {f"https://example.org/{number:03d}": 2 for number in range(60)}

    assert "| 10 more | 20 |" in render_card(facts(licences=licences))


@pytest.mark.parametrize(
    "name",
    [
        *(
            "---",
            "\n---\n",
            "a: b",
            "no",
            "&a *a",
            "!!python/object:os.system",
            "{{ x }}",
            "# x",
            "'",
            '"',
            "\\",
        ),
        *(
            "\0",
            "\x85",
            "\u2028",
            "\ufeff",
            "\ud800",
            "🦊",
            "é",
            "\t",
            "%YAML",
            "- x",
            "|",
            ">",
            "~",
            "1",
            "",
        ),
    ],
)
def test_any_name_is_one_string_in_the_metadata(name: str) -> None:
    assert metadata(render_card(facts(name=name)))["pretty_name"] == name.replace("\ud800", "?")


@example("---", {"---": 1})
@given(st.text(max_size=400), st.dictionaries(st.text(max_size=30), st.integers(0, 10**9), max_size=5))
def test_no_text_breaks_the_metadata_or_adds_a_line_of_three_dashes(
    text: str, counts: dict[str, int]
) -> None:
    made = facts(name=text, recipe=text, command=text, languages=counts, licences=counts, opt_outs=counts)
    card = render_card(replace(made, versions={text: text}))

    assert metadata(card)["license"] == "other"
    assert len(body(card).split("\n---\n")) == 1


@pytest.mark.parametrize(
    "text", ["<script>x</script>", "[x](javascript:x)", "![x](y)", "a | b", "`x`", "line\n# two"]
)
def test_foreign_text_means_nothing_in_the_body(text: str) -> None:
    card = body(render_card(facts(licences={text: 1})))
    (row,) = [line for line in card.splitlines() if line.endswith("| 1 |")]

    assert "<script" not in row
    assert not [c for c, before in zip(row[2:-6], row[1:], strict=False) if c in "[]`!|" and before != "\\"]


def test_the_fence_of_the_command_is_longer_than_any_in_it() -> None:
    assert "````sh\nwit build '```'\n````" in render_card(facts(command="wit build '```'"))


def test_a_long_name_is_cut() -> None:
    assert metadata(render_card(facts(name="x" * 301)))["pretty_name"] == "x" * 299 + "…"
    assert metadata(render_card(facts(name="x" * 300)))["pretty_name"] == "x" * 300
