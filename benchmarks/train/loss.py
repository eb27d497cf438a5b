"""The loss and its gradients in blocks, beside open_clip.ClipLoss, by batch: CPU seconds and peak memory.

    python benchmarks/train/loss.py

A process each; embeddings are random, of 512 numbers as ViT-B-32 has them, a tenth of the captions stand twice.
Beyond 8,192 the matrix of all pairs and what softmax and backward keep of it do not fit, and only blocks are run.
"""

import resource
import subprocess
import sys
import time

BATCHES = (2_048, 8_192, 32_768)
WIDTH = 512


def main() -> None:
    """A row for each batch and loss."""
    if len(sys.argv) > 1:
        one(sys.argv[1], int(sys.argv[2]))
        return
    print("| batch | loss | CPU seconds | memory above the embeddings' |\n| --- | --- | --- | --- |")
    for batch in BATCHES:
        for kind in ("blocks", "open_clip") if batch < BATCHES[-1] else ("blocks",):
            subprocess.run([sys.executable, __file__, kind, str(batch)], check=True)


def one(kind: str, batch: int) -> None:
    """This row."""
    import open_clip
    import torch
    from torch.nn import functional

    from wit_builder.train.loss import contrastive_loss

    image, text = (functional.normalize(torch.randn(batch, WIDTH), dim=1).requires_grad_() for _ in range(2))
    scale = torch.tensor(50.0, requires_grad=True)
    ids = torch.arange(batch)
    ids[: batch // 10] = ids[batch // 10 : 2 * (batch // 10)]
    valid = torch.ones(batch, dtype=torch.bool)
    before, start = _peak(), time.process_time()
    if kind == "blocks":
        loss = contrastive_loss(image, text, scale, valid, (torch.arange(batch), ids))
    else:
        loss = open_clip.ClipLoss()(image, text, scale)
    loss.backward()
    seconds, memory = time.process_time() - start, _peak() - before
    print(f"| {batch:,} | {kind} | {seconds:.1f} | {memory / 1e9:.2f} GB |", flush=True)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
