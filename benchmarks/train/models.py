"""What one step of each of the nine models takes on a CPU: 2 samples, activations computed again, AdamW's states.

    python benchmarks/train/models.py [MODEL ...]

A process each. Weights and pixels are random, texts have 77 tokens; the second step is measured.
"""

import resource
import subprocess
import sys
import time

MODELS = ["RN50", "RN101", "RN50x4", "RN50x16", "RN50x64", "ViT-B-32", "ViT-B-16", "ViT-L-14", "ViT-L-14-336"]
SAMPLES = 2


def main() -> None:
    """A row for each model that is named, or of all."""
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2])
        return
    print(
        "| model | weights | GFLOP a sample | CPU seconds of a step | peak memory |\n| --- | --- | --- | --- | --- |"
    )
    for name in sys.argv[1:] or MODELS:
        subprocess.run([sys.executable, __file__, "--one", name], check=True)


def one(name: str) -> None:
    """This model's row."""
    import torch

    from wit_builder.model.flops import cost
    from wit_builder.train import objectives
    from wit_builder.train.batch import Batch
    from wit_builder.train.gradcache import gradients
    from wit_builder.train.optim import adamw, update
    from wit_builder.train.settings import Training

    training = Training(name, checkpointing=True)
    made = objectives.make(training)
    optimizer = adamw(made.network, training)
    several = torch.arange(SAMPLES)
    batch = Batch(
        torch.randint(0, 256, (SAMPLES, 3, *made.network.image_size), dtype=torch.uint8),
        torch.randint(1, 49406, (SAMPLES, 77)),
        torch.ones(SAMPLES, dtype=torch.bool),
        several,
        several,
    )
    for _ in range(2):
        start = time.process_time()
        gradients(made.network, made, batch)
        update(optimizer, made.network, training.lr, training)
        seconds = time.process_time() - start
    weights = sum(weight.numel() for weight in made.network.parameters())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    giga = cost(made.network).flops() / 1e9
    print(
        f"| {name} | {weights / 1e6:.1f} M | {giga:.2f} | {seconds:.1f} | {memory / 1e9:.1f} GB |", flush=True
    )


if __name__ == "__main__":
    main()
