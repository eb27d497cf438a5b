from tests.lists.reading import read, write
from wit_builder.records import candidate_id

CSV = """url,caption
http://a.test/1.jpg,"call me@example.org or +49 30 1234567"
http://a.test/2.jpg,a boat
no address,write to you@example.org
http://a.test/3.jpg,me@example.org,too much
"""


def test_personal_data_of_a_list_reaches_neither_candidates_nor_ledger(tmp_path):
    made = read(tmp_path, write(tmp_path / "a.csv", CSV), mask=("email", "phone"))
    kept = made.rows("candidates")
    assert [row["caption"] for row in kept] == ["call [email] or [phone]", "a boat"]
    assert kept[0]["id"] == candidate_id("http://a.test/1.jpg", "call [email] or [phone]")
    assert len(made.lost) == 2
    assert "example.org" not in str(kept) + str(made.rows("losses"))


def test_nothing_is_masked_where_nothing_is_asked_for(tmp_path):
    made = read(tmp_path, write(tmp_path / "a.csv", CSV))
    assert made.rows("candidates")[0]["caption"] == "call me@example.org or +49 30 1234567"
