"""A run: batches in, a step of the optimiser each, checkpoints and records out. Read it from the top to the bottom.

What a step does is a function of the settings, the data and the number of the step: its batch, its learning rate and
its random numbers. So a run that was stopped anywhere goes on from its last checkpoint as if nothing had been.
"""

import time
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Protocol

import torch
import xxhash

from wit_builder import __version__, storage
from wit_builder.errors import BuildError, ConfigError
from wit_builder.evalset.sets import EvalSet
from wit_builder.model import flops
from wit_builder.model.ranks import Ranks, gathered
from wit_builder.model.text import ends
from wit_builder.model.tokens import Tokenizer
from wit_builder.train import checkpoint, curves, heldout, telemetry
from wit_builder.train.batch import Batch
from wit_builder.train.checkpoint import Best, Checkpoints, Progress
from wit_builder.train.gradcache import gradients
from wit_builder.train.objectives import Objective
from wit_builder.train.optim import adamw, learning_rate, update
from wit_builder.train.parallel import How, spread
from wit_builder.train.settings import Training, deviations
from wit_builder.train.stopping import Stop, Stopped, stoppable
from wit_builder.train.telemetry import Record, Sink, Window

SETTINGS = "training.json"
RESULT = "result.json"
LOST_STEPS = 20  # without a finite gradient, one after the other, end the run

Batches = Generator[Batch]


@dataclass(frozen=True, slots=True)
class Run:
    """Where a run writes and how often; nothing of it shapes the model.

    out: folder. resume: go on with what is there. save_every, eval_every: steps, 0 for the end of each epoch alone;
    save_every comes besides it, eval_every instead of it. log_every: steps of a record. keep, keep_every: see
    Checkpoints. spread: see parallel.spread.
    """

    out: Path
    resume: bool = False
    save_every: int = 0
    eval_every: int = 0
    log_every: int = 10
    keep: int = 3
    keep_every: int = 0
    spread: How = "ddp"


class Data(Protocol):
    """What a run reads (loader.Loader)."""

    steps: int  # of an epoch
    samples: int  # of an epoch

    @property
    def problem(self) -> str: ...  # noqa: D102

    @property
    def passed_over(self) -> dict[str, int]: ...  # noqa: D102

    def batches(self, first_step: int = 0, skipped: Mapping[str, int] = ...) -> Batches: ...  # noqa: D102


class Watcher(Protocol):
    """What shows how far a run is."""

    def begin(self, step: int, steps: int, batch: int) -> None: ...  # noqa: D102

    def step(self, step: int) -> None: ...  # noqa: D102

    def __call__(self, told: Record) -> None: ...  # noqa: D102

    def say(self, sentence: str) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to, as OUT/result.json has it. state: `stopped` where a signal ended it."""

    state: Literal["complete", "stopped"]
    step: int
    steps: int
    images_seen: int
    skipped: dict[str, int]  # of them, by reason
    passed_over: dict[str, int]  # what of the shards is not trained on, by reason
    checkpoint: str  # the newest
    best: Best | None
    scores: list[Record]  # of the last evaluation


class Trainer:
    """One rank of a run. fingerprint: of the data. held: what is evaluated, the first decides which step is best."""

    def __init__(
        self,
        training: Training,
        run: Run,
        objective: Objective,
        data: Data,
        fingerprint: str,
        ranks: Ranks,
        held: Sequence[EvalSet] = (),
    ) -> None:
        self.training, self.run, self.ranks, self.held = training, run, ranks, held
        self.data, self.fingerprint = data, fingerprint
        self.objective, self.network = objective, objective.network.to(ranks.device).train()
        self.steps = training.steps(data.steps)
        self.checkpoints = Checkpoints(run.out / checkpoint.FOLDER, data.steps, run.keep, run.keep_every)
        self._lost = 0  # steps without a finite gradient, one after the other
        self._tokenizer = Tokenizer(self.network.context)
        self._cost = flops.cost(self.network)
        before = self._before()
        self.module = spread(self.network, run.spread)
        self.optimizer = adamw(self.network, training)
        if before is not None:
            checkpoint.restore(*before, self.network, self.optimizer)
        start = Progress() if before is None else checkpoint.progress(before[0])
        self.step, self.best, self.skipped = start.step, start.best, Counter(start.skipped)
        self._prints = {one.name: one.fingerprint for one in held}
        self._judged = set[str]()  # held-out sets, after this step
        self._remember()

    def train(self, watcher: Watcher, sinks: Sequence[Sink] = ()) -> Outcome:
        """To the end, or until a signal. sinks: of the first rank, besides OUT/metrics.jsonl.

        Raises BuildError when no gradient is finite for LOST_STEPS steps or for the last ones, or when a checkpoint
        cannot be written; those that are there stay.
        """
        stopped = False
        if self.step < self.steps or self._owed():
            self._write_settings()
            watcher.begin(self.step, self.steps, self.training.batch)
            batches = self.data.batches(self.step, self.skipped)
            with stoppable() as stop, closing(batches), self._saving():
                stopped = self._run(batches, stop, watcher, self._sinks(watcher, sinks))
        unfinished = self.step < self.steps or self._owed()
        return self._outcome("stopped" if stopped and unfinished else "complete")

    def _run(self, batches: Batches, stop: Stop, watcher: Watcher, sinks: Sequence[Sink]) -> bool:
        """Whether a signal ended it."""
        if self._judge(stop, sinks):
            return True
        window = Window(self.ranks.device)
        while self.step < self.steps:
            self._advance(self._next(batches, window), window)
            watcher.step(self.step)
            evaluating, saving = (
                self._is_due(self.run.eval_every),
                self._is_due(self.run.save_every, epochs=True),
            )
            heard = stop.asked and self.ranks.world == 1
            if not (evaluating or saving or heard or self.step % self.run.log_every == 0):
                continue
            stopping = self._tell(window, stop, sinks)
            if saving or stopping:
                self._save()  # before the evaluation, which may take long and loses nothing so
            if stopping or self._judge(stop, sinks):
                return True
            window = Window(self.ranks.device)
        if self._lost:
            raise self._no_gradient()
        return False

    def _next(self, batches: Batches, window: Window) -> Batch:
        before = time.perf_counter()
        batch = next(batches)
        window.waited += time.perf_counter() - before
        window.samples += int(batch.valid.sum())
        window.flops += float(self._cost.flops(ends(batch.tokens).double() + 1).sum())
        window.skipped.update(batch.skipped)
        return batch.to(self.ranks.device)

    def _advance(self, batch: Batch, window: Window) -> None:
        """One step. Nothing here waits for the device."""
        torch.manual_seed(seed_of(self.training.seed, self.step, self.ranks.rank))
        lr = learning_rate(self.step, self.steps, self.training)
        loss = gradients(
            self.module, self.objective, batch, self.training.micro_batch, self.training.precision
        )
        norm, lost = update(self.optimizer, self.network, lr, self.training)
        window.step(loss, norm, lost)
        self.step += 1
        self._judged.clear()

    def _is_due(self, every: int, epochs: bool = False) -> bool:
        """After every so many steps (0: at the end of each epoch), and at the end. epochs: at their ends too."""
        at_end = self.step % self.data.steps == 0 and (epochs or not every)
        return self.step == self.steps or at_end or bool(every and self.step % every == 0)

    def _tell(self, window: Window, stop: Stop, sinks: Sequence[Sink]) -> bool:
        """Read the window, on all ranks; whether one of them heard a signal."""
        shares, heard = zip(*gathered((window.read(), stop.asked), self.ranks.world), strict=True)
        for share in shares:
            self.skipped.update(share.skipped)
        scale = getattr(self.network.inner, "logit_scale", None)
        told = {
            **self._position(),
            **telemetry.record(shares, self.ranks.device),
            "lr": self.optimizer.param_groups[0]["lr"],
            "logit_scale": None if scale is None else float(scale.detach().exp()),
            "skipped": dict(self.skipped),
        }
        for sink in sinks:
            sink(told)
        for _, _, lost in shares[0].steps:
            self._lost = self._lost + 1 if lost else 0
            if self._lost >= LOST_STEPS:
                raise self._no_gradient()
        return any(heard)

    def _no_gradient(self) -> BuildError:
        newest = self._newest()
        return BuildError(
            f"no gradient of the last {self._lost} steps up to {self.step} was finite",
            f"begin another --out{f' with `--init {newest}` and' if newest else ' with'} a lower --lr "
            "or `--precision fp32`",
        )

    def _owed(self) -> list[EvalSet]:
        """The held-out sets that this step has yet to be judged by."""
        due = self.step and self._is_due(self.run.eval_every)
        return [held for held in self.held if due and held.name not in self._judged]

    def _judge(self, stop: Stop, sinks: Sequence[Sink]) -> bool:
        """Evaluate where it is due; the best step so far is saved. Whether a signal ended it: alone, at once."""
        before = self.best
        try:
            with stop.anywhere() if self.ranks.world == 1 and self._owed() else nullcontext():
                for held in self._owed():
                    self._evaluate(held, sinks)
        except Stopped:
            self._save()
            return True
        if self.best != before:
            self._save()
        return False

    def _evaluate(self, held: EvalSet, sinks: Sequence[Sink]) -> None:
        scores = heldout.evaluate(self.objective, held, self._tokenizer, self.ranks, self.training.precision)
        for sink in sinks:
            sink({**self._position(), **scores, "fingerprint": self._prints[held.name]})
        self._count(scores)

    def _count(self, scores: Record) -> None:
        """Scores of this step: the first set's say whether it is the best so far."""
        self._judged.add(scores["set"])
        if scores["set"] == self.held[0].name:
            score = heldout.main_score(scores)
            if self.best is None or score > self.best.score:
                self.best = Best(self.step, score)

    def _remember(self) -> None:
        """What was already judged of this step before a run that goes on was stopped."""
        for told in self._records() if self.step else []:
            if told.get("step") == self.step and told.get("set") in self._prints:
                self._count(told)

    def _records(self) -> list[Record]:
        """OUT/metrics.jsonl, without the scores of other sets that are called as this run's are."""
        found = telemetry.records(self.run.out / telemetry.METRICS)
        return [told for told in found if not self._is_of_another(told)]

    def _is_of_another(self, told: Record) -> bool:
        own = self._prints.get(told.get("set", ""))
        return own is not None and told.get("fingerprint", own) != own

    def _save(self) -> None:
        """Begin to write a checkpoint. None while gradients are not finite: the one before is good."""
        if self._lost:
            return
        state = checkpoint.snapshot(self.network, self.optimizer)
        if self.ranks.first:
            self.checkpoints.save(
                checkpoint.content(
                    state,
                    self.training,
                    self.network,
                    self.fingerprint,
                    self.data.steps,
                    Progress(self.step, self.best, dict(self.skipped)),
                )
            )

    @contextmanager
    def _saving(self) -> Iterator[None]:
        """Whatever ends the block, what was saved is on the disk."""
        try:
            yield
        finally:
            self.checkpoints.wait()

    def _before(self) -> tuple[checkpoint.Content, Path] | None:
        """The newest checkpoint of the folder, which must be this run's, and where it lies."""
        path = self.checkpoints.newest()
        if path is None:
            return None
        if not self.run.resume:
            raise ConfigError(
                f"{self.run.out} holds a run already", "go on with `--resume`, or give another --out"
            )
        found = checkpoint.load(path)
        checkpoint.check(found, path, self.training, self.network, self.fingerprint)
        return found, path

    def _sinks(self, watcher: Watcher, more: Sequence[Sink]) -> Sequence[Sink]:
        if not self.ranks.first:
            return []
        return [telemetry.Journal(self.run.out / telemetry.METRICS, self.step), *more, watcher]

    def _position(self) -> Record:
        return {
            "step": self.step,
            "epoch": round(self.step / self.data.steps, 4),
            "images_seen": self.step * self.training.batch,
        }

    def _newest(self) -> str:
        """Raises BuildError, as `wait` does, when what was saved could not be written."""
        self.checkpoints.wait()
        return str(self.checkpoints.newest() or "")

    def _write_settings(self) -> None:
        if self.ranks.first:
            storage.sweep(self.checkpoints.folder)
            what = {
                "version": __version__,
                "training": asdict(self.training),
                "deviations": deviations(self.training),
                "data": self.fingerprint,
                "samples": self.data.samples,
                "passed_over": self.data.passed_over,
                "steps": self.steps,
                "ranks": self.ranks.world,
            }
            storage.write_json(self.run.out / SETTINGS, what)

    def _outcome(self, state: Literal["complete", "stopped"]) -> Outcome:
        """Also drawn and written into the folder."""
        found = self._records()
        scores = [one for one in found if "set" in one]
        outcome = Outcome(
            state,
            self.step,
            self.steps,
            self.step * self.training.batch,
            dict(self.skipped),
            self.data.passed_over,
            self._newest(),
            self.best,
            list({one["set"]: one for one in scores if one["step"] == scores[-1]["step"]}.values()),
        )
        if self.ranks.first:
            storage.write_json(self.run.out / RESULT, asdict(outcome))
            curves.of_run(found, self.run.out / curves.FILE)
        return outcome


def seed_of(seed: int, step: int, rank: int) -> int:
    """Of the random numbers of one step on one rank."""
    return xxhash.xxh3_64_intdigest(f"{seed} {step} {rank}".encode()) >> 1
