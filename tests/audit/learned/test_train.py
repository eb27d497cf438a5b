import signal

import numpy as np
import pytest
import torch

from tests.audit.learned import photographs
from tests.train.tars import shard
from wit_builder.audit.detectors import Image
from wit_builder.audit.learned import copies, file, train
from wit_builder.audit.learned.recall import at_precision
from wit_builder.audit.learned.train import (
    CHECKPOINT,
    FILE,
    TEMPERATURE,
    Settings,
    Trainer,
    contrastive,
    judged,
)
from wit_builder.audit.learned.transforms import CANARIES
from wit_builder.audit.perceptual import Pdq
from wit_builder.errors import BuildError, ConfigError
from wit_builder.shardset.cache import Cache


class Watcher:
    """Remembers, and at one step does something."""

    def __init__(self, at=-1, do=lambda: None):
        self.said, self.steps, self.at, self.do = [], [], at, do

    def begin(self, step, steps, batch):
        self.begun = (step, steps, batch)

    def step(self, step):
        self.steps.append(step)
        if step == self.at:
            self.do()

    def say(self, sentence):
        self.said.append(sentence)


@pytest.fixture
def trainer(tmp_path):
    """A run on 50 pictures of noise: 9 steps an epoch."""
    shard(tmp_path / "shards" / "00000.tar", 50)

    def of(out="out", piece=0, **settings):
        asked = {"variant": "tiny", "batch": 5, "epochs": 1, "lr": 1e-3} | settings
        return Trainer(
            Settings((str(tmp_path / "shards"),), **asked), tmp_path / out, Cache(tmp_path / "cache"), piece
        )

    return of


def test_a_run_writes_a_detector_that_says_where_its_threshold_comes_from(trainer, tmp_path):
    watcher = Watcher()
    outcome = trainer().train(watcher)
    assert (watcher.begun, watcher.steps) == ((0, 9, 5), list(range(1, 10)))
    header, _ = file.read(outcome.detector)
    assert header == outcome.header
    assert header.variant == "tiny"
    assert header.source.endswith(
        "copies of images held out of training are found at 99% precision among 4 others"
    )
    assert len(header.data) == 64


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(trainer, tmp_path):
    whole = trainer("whole").train(Watcher())
    stopped = trainer().train(Watcher(4, lambda: signal.raise_signal(signal.SIGTERM)))
    assert (stopped.detector, stopped.step) == (None, 4)
    assert not (tmp_path / "out" / FILE).exists()
    watcher = Watcher()
    resumed = trainer().train(watcher)
    assert watcher.begun == (4, 9, 5)
    assert resumed.detector.read_bytes() == whole.detector.read_bytes()


def test_a_finished_run_is_finished_again_from_its_checkpoint(trainer):
    once = trainer().train(Watcher()).detector.read_bytes()
    watcher = Watcher()
    assert trainer().train(watcher).detector.read_bytes() == once
    assert watcher.steps == []


def test_a_folder_of_another_run_is_refused(trainer, tmp_path):
    trainer().train(Watcher())
    with pytest.raises(ConfigError, match=r"was begun with lr 0\.001, now it is 0\.01"):
        trainer(lr=0.01)
    (tmp_path / "out" / CHECKPOINT).write_bytes(b"no checkpoint")
    with pytest.raises(ConfigError, match=r"checkpoint\.pt' cannot be read"):
        trainer()
    trainer("other").train(Watcher())
    shard(tmp_path / "shards" / "00001.tar", 4)
    with pytest.raises(ConfigError, match="was begun with other shards"):
        trainer("other")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"variant": "rn51"}, "variant is 'rn51', expected one of rn50, small, tiny"),
        ({"batch": 1}, "batch is 1, expected 2 to"),
        ({"lr": 0.0}, r"lr is 0\.0"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"epochs": 0}, "epochs is 0"),
    ],
)
def test_settings_out_of_range_are_named(wrong, words):
    with pytest.raises(ConfigError, match=words):
        Settings(("shards",), **wrong)


def test_a_loss_that_is_not_finite_ends_the_run(trainer):
    one = trainer()
    with torch.no_grad():
        one.network.head.bias.fill_(float("nan"))
    with pytest.raises(BuildError, match="the loss is nan at step 9"):
        one.train(Watcher())


def test_in_pieces_the_gradient_is_the_same(trainer):
    gradients = []
    for piece in (0, 4):
        one = trainer(piece=piece)
        pairs = one.source.step(0)
        one._embed = one.network  # in 32 bits
        one._gradients(
            train._tensor(np.concatenate([pairs.images, pairs.copies])), torch.from_numpy(pairs.ids)
        )
        gradients.append(torch.cat([weight.grad.flatten() for weight in one.network.parameters()]))
        one.source.close()
    assert (gradients[0] - gradients[1]).norm() < 1e-4 * gradients[0].norm()


def rows(*values):
    return torch.nn.functional.normalize(torch.tensor(values, dtype=torch.float32), dim=1)


def test_the_loss_is_both_cross_entropies_at_a_temperature_of_7_hundredths():
    images, found = rows([1, 0], [1, 1]), rows([1, 0.2], [0, 1])
    logits = (images @ found.T / TEMPERATURE).double().numpy()
    there = -np.log(np.exp(logits.diagonal()) / np.exp(logits).sum(axis=1)).mean()
    back = -np.log(np.exp(logits.diagonal()) / np.exp(logits).sum(axis=0)).mean()
    loss = contrastive(torch.cat([images, found]), torch.tensor([1, 2]))
    assert loss.item() == pytest.approx((there + back) / 2, rel=1e-5)
    assert TEMPERATURE == 0.07


def test_equal_images_are_no_negatives_of_each_other():
    both = torch.cat([rows([1, 0], [1, 0]), rows([1, 0], [1, 0])])
    assert contrastive(both, torch.tensor([7, 7])).item() == 0
    assert contrastive(both, torch.tensor([7, 8])).item() == pytest.approx(np.log(2))


def test_a_copy_is_found_by_the_view_that_is_most_like_it():
    images = np.stack([rows([1, 0], [0.6, 0.8]).numpy(), rows([0, 1], [-1, 0]).numpy()])
    accuracy, point = judged(images, rows([0.6, 0.8], [-1, 0]).numpy(), np.array([1, 2]))
    assert (accuracy, point.recall) == (0.5, 1.0)  # as a whole the second is nearer to the first's copy
    assert point.threshold == pytest.approx(1.0)


def test_a_few_seconds_of_training_find_more_crops_and_rotations_than_pdq_and_than_random_weights(tmp_path):
    photographs.shard(tmp_path / "shards" / "00000.tar", photographs.textbook(400))
    trained, random = (
        copies.read(
            Trainer(
                Settings((str(tmp_path / "shards"),), "tiny", 60, epochs, lr),
                tmp_path / str(epochs),
                Cache(tmp_path / "cache"),
            )
            .train(Watcher())
            .detector
        )
        for epochs, lr in ((2, 2e-3), (1, 1e-9))
    )
    by_training, by_pdq, by_chance = map(_recalls, (trained, Pdq(), random))
    for name in COPIES:
        assert by_training[name] > by_pdq[name] + 0.2, name
        assert by_training[name] > by_chance[name] + 0.1, name


COPIES = ("crop", "rotation")


def _recalls(rung):
    """Of copies made in either way, at 99 % precision, among photographs of clothing."""
    bodies = photographs.things(60)
    asked, others = (
        rung.of([Image(body) for body in some], turned)
        for some, turned in ((bodies, True), (photographs.clothing(), False))
    )
    far = _similarities(rung, asked, others).max(axis=1)
    found = {}
    for name in COPIES:
        planted = [photographs.changed(body, CANARIES[name], f"{name} {n}") for n, body in enumerate(bodies)]
        near = _similarities(rung, asked, rung.of([Image(body) for body in planted], False))
        own = near.diagonal().copy()
        np.fill_diagonal(near, -1)
        found[name] = at_precision(own, np.maximum(far, near.max(axis=1))).recall
    return found


def _similarities(rung, one, other):
    other = np.concatenate(other)
    if rung.kind == "hash256":
        apart = [np.bitwise_count(rows[:, None] ^ other[None]).sum(axis=2).min(axis=0) for rows in one]
        return 1 - np.stack(apart) / 256
    return np.stack([(rows @ other.T).max(axis=0) for rows in one])


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "batch", "steps", "piece"), [("small", 16, 12, 0), ("rn50", 4, 5, 2)])
def test_the_larger_variants_learn_a_batch_by_heart(tmp_path, variant, batch, steps, piece):
    """Photographs at the variant's own size; the loss begins near that of guessing."""
    photographs.shard(tmp_path / "shards" / "00000.tar", photographs.textbook(60))
    asked = Settings((str(tmp_path / "shards"),), variant, batch, lr=1e-3)
    trainer = Trainer(asked, tmp_path / "out", Cache(tmp_path / "cache"), piece)
    trainer.step = trainer.steps // 2  # behind the warm-up
    pairs = trainer.source.step(0)
    losses = [float(trainer._advance(pairs)) for _ in range(steps)]
    assert 0.5 * np.log(batch) < losses[0] < 2 * np.log(batch)
    assert losses[-1] < 0.6 * losses[0]
