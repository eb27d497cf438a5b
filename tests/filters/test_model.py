"""Rules that ask a model, with a tiny one and heads made for it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.filters.items import Captioned, Pictured
from tests.model import tiny
from wit_builder.errors import ConfigError
from wit_builder.model import clip, load
from wit_filters.model import Aesthetic, ClipPrompts, ClipScore, Nsfw

CAPTIONS = ["a boat on a lake", "", "ein Haus " * 100]
WIDTH = tiny.CONFIG["embed_dim"]


@pytest.fixture(scope="module")
def scores():
    """The cosines of three pictures and captions, by the model itself."""
    model = clip.load(*tiny.files())
    images = model.embed_images(map(tiny.picture, range(3)))
    return [round(float(x @ y), 4) for x, y in zip(images, model.embed_texts(CAPTIONS), strict=True)]


def judged(rule, captions=CAPTIONS):
    items = [Captioned(caption) if isinstance(rule, ClipScore) else Pictured() for caption in captions]
    return rule.judge(items, map(tiny.picture, range(len(items))))


def test_the_score_is_the_cosine_of_picture_and_caption(scores):
    found = judged(ClipScore(*tiny.files(), minimum=-1))
    assert [dict(verdict.scores)["clip_score"] for verdict in found] == pytest.approx(scores, abs=1e-4)
    assert all(verdict.kept for verdict in found)


@pytest.mark.parametrize(("above", "reason"), [(0.0, None), (0.0001, "clip_score_low")])
def test_a_score_at_the_threshold_stays_and_one_below_goes(above, reason):
    score = judged(ClipScore(*tiny.files(), minimum=-1))[0].scores[0][1]
    (verdict, *_) = judged(ClipScore(*tiny.files(), minimum=round(score + above, 4)))
    assert (verdict.reason, verdict.evidence, verdict.scores) == (
        reason,
        f"{score:.4f}",
        (("clip_score", score),),
    )


def test_nothing_to_judge_is_no_trouble():
    assert judged(ClipScore(*tiny.files()), []) == []


def prompts(unwanted, others, **more):
    return ClipPrompts(*tiny.files(), unwanted=unwanted, others=others, **more)


def test_the_nearest_text_says_whether_a_picture_is_wanted():
    model = clip.load(*tiny.files())
    words = ("a boat", "a lake", "ein Haus")
    cosines = model.embed_images(map(tiny.picture, range(3))) @ model.embed_texts(words).T
    due = cosines[:, :2].max(axis=1) - cosines[:, 2]
    found = judged(prompts(words[:2], words[2:], maximum=-2))
    assert [verdict.scores[0][1] for verdict in found] == pytest.approx(due.tolist(), abs=1e-4)
    assert {verdict.reason for verdict in found} == {"clip_unwanted"}
    turned = judged(prompts(words[:2], words[2:]))
    assert [verdict.kept for verdict in turned] == (np.round(due, 4) <= 0).tolist()
    assert [verdict.kept for verdict in judged(prompts(("x",), ("x",)))] == [True] * 3  # as near: it stays


@pytest.mark.parametrize("texts", [(), "a logo", ("",), (1,)])
def test_prompts_are_texts(texts):
    with pytest.raises(ConfigError, match="expected a tuple of texts"):
        prompts(texts, ("a boat",))
    with pytest.raises(ConfigError, match=r"ClipPrompts\.others is"):
        prompts(("a boat",), texts)


def linear(sizes, numbers):
    """A state dict of linear layers under these numbers of a torch Sequential."""
    made = {n: torch.nn.Linear(*size) for n, size in zip(numbers, sizes, strict=True)}
    return {
        f"layers.{n}.{part}": value for n, layer in made.items() for part, value in layer.state_dict().items()
    }


def improved():
    sizes = [(WIDTH, 12), (12, 8), (8, 6), (6, 4), (4, 1)]
    return linear(sizes, (0, 2, 4, 6, 7)), torch.nn.Identity()


def of_h14():
    sizes = [(WIDTH, 12), (12, 14), (14, 12), (12, 8), (8, 6), (6, 4), (4, 1)]
    return linear(sizes, (0, 3, 6, 9, 12, 15, 16)), torch.nn.ReLU()


def sequential(state, between, x):
    """What torch makes of it: `between` behind all layers but the last two."""
    numbers = sorted({int(name.split(".")[1]) for name in state})
    for n in numbers:
        x = torch.nn.functional.linear(x, state[f"layers.{n}.weight"], state[f"layers.{n}.bias"])
        x = between(x) if n not in numbers[-2:] else x
    return x[:, 0]


@pytest.fixture(scope="module")
def embedded():
    return torch.from_numpy(clip.load(*tiny.files()).embed_images(map(tiny.picture, range(3))))


@pytest.mark.parametrize("make", [improved, of_h14])
def test_a_head_of_numbered_layers_is_torchs(make, embedded, tmp_path):
    state, between = make()
    torch.save(state, tmp_path / "head.pth")
    found = judged(Aesthetic(*tiny.files(), head=str(tmp_path / "head.pth"), minimum=-100))
    expected = sequential(state, between, embedded).tolist()
    assert [verdict.scores[0][1] for verdict in found] == pytest.approx(expected, abs=1e-4)


def saved_linear(folder, bias=5.0):
    head = torch.nn.Linear(WIDTH, 1)
    torch.nn.init.constant_(head.bias, bias)
    torch.save(head.state_dict(), folder / "linear.pth")
    return str(folder / "linear.pth"), head


def test_a_linear_head_is_torchs(embedded, tmp_path):
    path, head = saved_linear(tmp_path)
    found = judged(Aesthetic(*tiny.files(), head=path, minimum=-100))
    assert [v.scores[0][1] for v in found] == pytest.approx(head(embedded)[:, 0].tolist(), abs=1e-4)


@pytest.mark.parametrize(("bias", "reason"), [(9.0, None), (1.0, "aesthetic_low")])
def test_plain_pictures_go(bias, reason, tmp_path):
    path, _ = saved_linear(tmp_path, bias)
    assert {v.reason for v in judged(Aesthetic(*tiny.files(), head=path, minimum=5.0))} == {reason}


def saved_nsfw(folder, bias=0.0):
    """LAION's port: normalised, ReLU between, a sigmoid at the end."""
    layers = [torch.nn.Linear(*size) for size in ((WIDTH, 6), (6, 5), (5, 1))]
    torch.nn.init.constant_(layers[-1].bias, bias)
    norm = {"norm.mean": torch.rand(WIDTH), "norm.variance": torch.rand(WIDTH) + 0.5}
    state = {f"linear_{n}.{part}": v for n, la in enumerate(layers, 1) for part, v in la.state_dict().items()}
    torch.save(norm | state, folder / "nsfw.pth")
    return str(folder / "nsfw.pth"), norm, layers


def test_the_nsfw_head_is_laions(embedded, tmp_path):
    path, norm, (first, second, last) = saved_nsfw(tmp_path)
    x = (embedded - norm["norm.mean"]) / norm["norm.variance"].sqrt()
    expected = torch.sigmoid(last(torch.relu(second(torch.relu(first(x))))))[:, 0].tolist()
    found = judged(Nsfw(*tiny.files(), head=path, maximum=1.0))
    assert [v.scores[0][1] for v in found] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("bias", "reason"), [(-20.0, None), (20.0, "nsfw_high")])
def test_unsafe_pictures_go(bias, reason, tmp_path):
    path, *_ = saved_nsfw(tmp_path, bias)
    assert {v.reason for v in judged(Nsfw(*tiny.files(), head=path, maximum=0.5))} == {reason}


NO_HEADS = {
    "a whole model": lambda: tiny.network().state_dict(),
    "other numbers": lambda: linear([(WIDTH, 4), (4, 1)], (0, 2)),
    "two numbers at the end": lambda: torch.nn.Linear(WIDTH, 2).state_dict(),
    "layers that do not fit": lambda: linear([(WIDTH, 9), (8, 8), (8, 6), (6, 4), (4, 1)], (0, 2, 4, 6, 7)),
    "no biases": lambda: torch.nn.Linear(WIDTH, 1, bias=False).state_dict(),
    "a name too many": lambda: torch.nn.Linear(WIDTH, 1).state_dict() | {"scale": torch.ones(1)},
    "no numbers": lambda: {"layers.x.weight": torch.ones(1)},
}


@pytest.mark.parametrize("what", NO_HEADS)
def test_what_is_no_head_is_said_to_be_none(what, tmp_path):
    torch.save(NO_HEADS[what](), tmp_path / "head.pth")
    with pytest.raises(ConfigError, match="holds no head that is known"):
        judged(Aesthetic(*tiny.files(), head=str(tmp_path / "head.pth"), minimum=0))


def test_a_head_for_a_model_of_another_width_is_refused(tmp_path):
    torch.save(torch.nn.Linear(768, 1).state_dict(), tmp_path / "head.pth")
    with pytest.raises(ConfigError, match=r"Aesthetic.head takes embeddings of 768 numbers, .* gives 16"):
        judged(Aesthetic(*tiny.files(), head=str(tmp_path / "head.pth"), minimum=0))


def test_rules_of_one_model_embed_a_picture_once(tmp_path, monkeypatch):
    path, _ = saved_linear(tmp_path)
    rules = [ClipScore(*tiny.files(), minimum=-1), Aesthetic(*tiny.files(), head=path, minimum=-100)]
    read = []
    picture = clip._picture
    monkeypatch.setattr(clip, "_picture", lambda body: read.append(body) or picture(body))
    load.forget()
    for rule in rules:
        judged(rule)
    assert len(read) == 3


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: ClipScore(*tiny.files(), minimum=1.1), "minimum"),
        (lambda: ClipScore(*tiny.files(), minimum=float("nan")), "minimum"),
        (lambda: ClipScore(tiny.files()[0], "", 0.3), "checkpoint"),
        (lambda: ClipScore(3, tiny.files()[1]), "model"),
        (lambda: Nsfw(*tiny.files(), head=tiny.files()[1], maximum=2), "maximum"),
        (lambda: Aesthetic(*tiny.files(), head=tiny.files()[1], minimum=101), "minimum"),
    ],
)
def test_values_that_make_no_sense_are_refused_by_name(make, field):
    with pytest.raises(ConfigError, match=field):
        make()


def test_a_rule_knows_its_files_by_their_contents(tmp_path):
    path, _ = saved_linear(tmp_path)
    rule = Aesthetic(*tiny.files(), head=path, minimum=1)
    saved_linear(tmp_path, bias=7.0)
    assert replace(rule, fingerprint="").fingerprint != rule.fingerprint
    assert np.isfinite(rule.minimum)
