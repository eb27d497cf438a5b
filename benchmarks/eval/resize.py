"""Whether it matters who resizes the pictures that a network is judged by: Pillow, as open_clip, or another.

    python benchmarks/eval/resize.py --model NAME --checkpoint FILE --eval-set FOLDER [--images 1000]

The other is fast_image_resize, as in training. Prints the share of values that differ, by how much at most, CPU ms of
a picture either way (decoding included), and how many zero-shot answers in fp32 differ.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from wit_builder.evalset import sets
from wit_builder.evaluate import calls, classifier
from wit_builder.images.prepared import prepared
from wit_builder.images.square import picture
from wit_builder.model.loaded import Loaded, Sight, opened
from wit_builder.model.ranks import Ranks

Pixels = NDArray[np.uint8]
ALONE = Ranks(0, 1, torch.device("cpu"))


def main() -> None:
    """Prints the figures."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--model", required=True)
    arguments.add_argument("--checkpoint", required=True)
    arguments.add_argument("--eval-set", required=True)
    arguments.add_argument("--images", type=int, default=1000)
    given = arguments.parse_args()
    loaded, which = opened(given.model, given.checkpoint), sets.read(given.eval_set)
    bodies = [place.read() for place in which.images[: given.images]]
    pillow, slow = _made(lambda body: prepared(body, loaded.preprocess), bodies)
    fast, quick = _made(lambda body: picture(body, loaded.preprocess.size[0]), bodies)
    far = np.abs(pillow.astype(np.int16) - fast)
    classes = classifier.ensemble(classifier.prompts(loaded, which, ALONE, "fp32"))
    one, other = (_answers(loaded, pixels, classes) for pixels in (pillow, fast))
    print(
        f"{which.name}, {len(bodies)} images: {np.mean(far > 0):.1%} of values differ, by {far.max()} at most; "
        f"{slow:.2f} and {quick:.2f} CPU ms; {np.sum(one != other)} answers differ, "
        f"{np.mean(one == which.labels[: len(one)]):.4f} and {np.mean(other == which.labels[: len(one)]):.4f} right"
    )


def _made(make: Callable[[bytes], Pixels], bodies: list[bytes]) -> tuple[Pixels, float]:
    make(bodies[0])
    began = time.process_time()
    found = np.stack([make(body) for body in bodies])
    return found, (time.process_time() - began) / len(bodies) * 1e3


def _answers(loaded: Loaded, pixels: Pixels, classes: NDArray[np.float32]) -> NDArray[np.int64]:
    sight = Sight(loaded.network)
    with calls.judging(ALONE.device, "fp32"):
        parts = torch.from_numpy(pixels).permute(0, 3, 1, 2).split(64)
        rows = torch.cat([sight(part)[1] for part in parts]).numpy()
    return np.asarray((rows @ classes.T).argmax(axis=1))


if __name__ == "__main__":
    main()
