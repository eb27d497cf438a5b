import pytest

from tests.curation.rows import candidate
from wit_builder.curation import tables
from wit_builder.filtering import KEPT, Verdict
from wit_builder.records import CANDIDATE_SCHEMA, candidates, to_table
from wit_filters.caption import CaptionLength

CAPTIONS = ["boat", "a boat on a lake", "a dark boat", "dark"]


def last(item):
    return Verdict("dark") if "dark" in item.caption else KEPT


@pytest.mark.parametrize(
    ("filters", "recorded", "lost"),
    [
        ((), [], []),
        ((CaptionLength(),), [0, 3], [(0, "caption_few_words"), (3, "caption_few_words")]),
        (
            (CaptionLength(), last),
            [0, 1, 2, 3],
            [(0, "caption_few_words"), (2, "dark"), (3, "caption_few_words")],
        ),
        ((last, CaptionLength()), [0, 1, 2, 3], [(0, "caption_few_words"), (2, "dark"), (3, "dark")]),
    ],
)
def test_records_are_made_of_what_a_filter_is_called_for_alone(filters, recorded, lost):
    asked = []

    def records(rows):
        asked.extend(rows.column("caption").to_pylist())
        return candidates(rows)

    rows = to_table([candidate(caption=caption) for caption in CAPTIONS], CANDIDATE_SCHEMA)
    kept, losses = tables.judged(rows, records, filters, "select")
    assert asked == [CAPTIONS[n] for n in recorded]
    told = zip(losses.column("caption").to_pylist(), losses.column("reason").to_pylist(), strict=True)
    assert list(told) == [(CAPTIONS[n], reason) for n, reason in lost]
    assert kept.column("caption").to_pylist() == [c for n, c in enumerate(CAPTIONS) if n not in dict(lost)]


def test_no_rows_are_no_trouble():
    kept, losses = tables.judged(
        CANDIDATE_SCHEMA.empty_table(), candidates, (CaptionLength(), last), "select"
    )
    assert kept.num_rows == losses.num_rows == 0
