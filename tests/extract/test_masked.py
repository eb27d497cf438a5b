from tests.extract.pages import read
from wit_builder.extract.settings import Extraction
from wit_builder.records import candidate_id

PAGE = """<title>Boats, me@example.org</title>
<img src="1.jpg" alt="a boat, call 030 / 1234567" title="ask you@example.org">
<figure><img src="2.jpg"><figcaption>(212) 555-0142</figcaption></figure>
<img src="mailto:x" alt="me@example.org at sea">"""


def test_personal_data_is_in_no_text_of_a_page_and_in_no_loss():
    page = read(PAGE, Extraction(mask=("email", "phone")))
    first, second = page.candidates
    assert (first.caption, first.alt_texts[0].text) == ("a boat, call [phone]", "ask [email]")
    assert first.id == candidate_id("http://a.test/dir/1.jpg", "a boat, call [phone]")
    assert second.caption == "[phone]"
    assert page.title == "Boats, [email]"
    assert [loss.caption for loss in page.losses] == ["[email] at sea"]


def test_nothing_is_masked_where_nothing_is_asked_for():
    assert read(PAGE).candidates[0].caption == "a boat, call 030 / 1234567"
