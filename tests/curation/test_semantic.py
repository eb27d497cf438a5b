import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wit_builder.curation import semantic

LEAST = 0.9


def embeddings(*angles):
    """Unit vectors in a plane, by their angles in degrees."""
    turned = np.radians(np.array(angles, np.float64))
    return np.stack([np.cos(turned), np.sin(turned), 0 * turned], axis=1).astype(np.float16)


def crowd(rng, count, width=8):
    """Vectors around a few others, so that many are similar."""
    found = rng.normal(size=(4, width))[rng.integers(0, 4, count)] + 0.4 * rng.normal(size=(count, width))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16)


def plainly(vectors, least):
    """The rule, word by word: the strongest that stays and is similar."""
    unit = vectors.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    head = []
    for i in range(len(unit)):
        near = [j for j in range(i) if head[j] == j and unit[i] @ unit[j] > least]
        head.append(near[0] if near else i)
    return head


@pytest.mark.parametrize(("angle", "heads"), [(25.0, [0, 0]), (26.5, [0, 1])])  # cosines 0.906 and 0.895
def test_similar_pictures_are_one_above_the_threshold(angle, heads):
    assert semantic.heads(embeddings(0, angle), LEAST)[0].tolist() == heads


def test_a_chain_does_not_end_as_its_first():
    """Each is similar to the next only: every other one stays."""
    head, cosine = semantic.heads(embeddings(0, 20, 40, 60, 80), LEAST)
    assert head.tolist() == [0, 0, 2, 2, 4]
    assert cosine[1] == pytest.approx(np.cos(np.radians(20)), abs=1e-3)


def test_what_goes_names_one_that_stays_and_is_similar():
    vectors = crowd(np.random.default_rng(1), 200)
    head, cosine = semantic.heads(vectors, LEAST)
    gone = np.flatnonzero(head != np.arange(200))
    assert len(gone) > 50
    assert (head[head[gone]] == head[gone]).all()
    assert (cosine[gone] > LEAST).all()


@settings(max_examples=30)
@given(st.integers(0, 40), st.integers(1, 9), st.integers(0, 1_000))
def test_tiles_change_nothing(count, tile, seed):
    vectors = crowd(np.random.default_rng(seed), count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(semantic, "TILE", tile)
        assert semantic.heads(vectors, LEAST)[0].tolist() == plainly(vectors, LEAST)


def test_centres_are_the_same_each_time_and_on_any_number_of_threads():
    import faiss

    vectors = crowd(np.random.default_rng(2), 500)
    first = semantic.centres(vectors, 5)
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    second = semantic.centres(vectors, 5)
    faiss.omp_set_num_threads(threads)
    assert (first == second).all()
    assert first.shape == (5, 8)


def test_one_cluster_needs_no_centre_and_holds_all():
    vectors = crowd(np.random.default_rng(3), 10)
    assert semantic.nearest(vectors, semantic.centres(vectors, 1)).tolist() == [0] * 10


def test_the_nearest_centre_is_the_one_of_the_largest_cosine():
    vectors, centre = crowd(np.random.default_rng(4), 50), np.random.default_rng(5).normal(size=(7, 8))
    expected = [int(np.argmax(centre @ row.astype(np.float64))) for row in vectors]
    assert semantic.nearest(vectors, centre).tolist() == expected
