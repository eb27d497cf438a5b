"""Embeddings are open_clip's own, and the same whatever stands beside them."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from tests.model import tiny
from wit_builder.errors import BuildError, ImageError
from wit_builder.model import clip, load


@pytest.fixture(scope="module")
def model():
    return clip.load(*tiny.files())


def theirs(pictures, texts):
    """Embeddings by open_clip alone, one at a time."""
    import open_clip
    from open_clip.transform import PreprocessCfg, image_transform_v2

    network = tiny.network()
    pixels = image_transform_v2(PreprocessCfg(size=32), is_train=False)
    with torch.inference_mode():
        images = [pixels(Image.open(io.BytesIO(body)))[None] for body in pictures]
        image = torch.cat([network.encode_image(x, normalize=True) for x in images]).numpy()
        text = torch.cat([network.encode_text(open_clip.tokenize(t), normalize=True) for t in texts]).numpy()
    return image, text


def test_embeddings_are_those_of_open_clip(model):
    pictures, texts = [tiny.picture(n) for n in range(3)], ["a boat", "", "ein Schiff auf dem Meer " * 50]
    image, text = theirs(pictures, texts)
    np.testing.assert_allclose(model.embed_images(pictures), image, atol=1e-5)
    np.testing.assert_allclose(model.embed_texts(texts), text, atol=1e-5)


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 40])
def test_there_is_a_row_of_unit_length_for_each(model, count):
    found = model.embed_images([tiny.picture(n) for n in range(count)])
    assert (found.shape, found.dtype) == ((count, 16), np.float32)
    np.testing.assert_allclose((found * found).sum(axis=1), 1.0, atol=1e-5)
    assert model.embed_texts(["boat"] * count).shape == (count, 16)


def test_an_embedding_is_the_same_to_the_bit_in_any_company(model):
    pictures, texts = [tiny.picture(n) for n in range(37)], [f"boat {n}" for n in range(37)]
    fresh = clip.load(*tiny.files())
    order = np.random.default_rng(0).permutation(37)
    assert (model.embed_images(pictures)[order] == fresh.embed_images([pictures[i] for i in order])).all()
    assert (model.embed_texts(texts)[order] == model.embed_texts([texts[i] for i in order])).all()
    assert (
        clip.load(*tiny.files()).embed_images(pictures[20:21]) == model.embed_images(pictures)[20:21]
    ).all()


def test_what_the_last_call_embedded_is_not_embedded_again(model, monkeypatch):
    first = model.embed_images([tiny.picture(n) for n in range(5)])
    monkeypatch.setattr(clip, "_picture", None)
    assert (model.embed_images([tiny.picture(3), tiny.picture(1), tiny.picture(3)]) == first[[3, 1, 3]]).all()


def test_images_are_read_one_after_the_other(model):
    read = []

    def images():
        for n in range(20):
            read.append(n)
            yield tiny.picture(n, (600, 600)) if n < 17 else b"no image"

    with pytest.raises(ImageError, match="not_image"):
        model.embed_images(images())
    assert read == list(range(18))


def test_a_picture_over_the_bound_is_refused(model, monkeypatch):
    monkeypatch.setattr(clip, "ImageSpec", lambda: clip_spec(2_000))
    assert len(model.embed_images([tiny.picture(80, (50, 40))])) == 1
    with pytest.raises(ImageError, match="too_many_pixels"):
        model.embed_images([tiny.picture(81, (50, 41))])


def clip_spec(most):
    from wit_builder.images.picture import ImageSpec

    return ImageSpec(max_pixels=most)


@pytest.mark.parametrize("text", ["\ud800 boat", "a" * 1_000_000, "\0\u202e", "&amp;" * 100_000])
def test_texts_of_any_kind_have_an_embedding(model, text):
    assert np.isfinite(model.embed_texts([text])).all()


def test_a_tokenizer_forgets_words_in_time(model, monkeypatch):
    before = model.embed_texts(["a boat at sea"])
    monkeypatch.setattr(clip, "MAX_WORDS", 3)
    assert (model.embed_texts(["a boat at sea"]) == before).all()
    assert len(model._tokenizer.cache) < 10


def test_weights_that_give_no_numbers_are_found_out(tmp_path):
    state = tiny.network().state_dict()
    state["visual.proj"][:] = float("nan")
    torch.save(state, tmp_path / "nan.pt")
    with pytest.raises(BuildError, match="zero or not finite"):
        clip.load(tiny.files()[0], str(tmp_path / "nan.pt")).embed_images([tiny.picture()])


def test_it_runs_on_one_thread(model):
    assert (torch.get_num_threads(), load.NEEDED[0]) == (1, "torch")
