"""img2dataset on a list: `python theirs.py LIST OUT IMAGES THREADS`, run by the peer's Python."""

import os
import sys

os.environ["WANDB_MODE"] = "disabled"
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

from img2dataset import download

PROCESSES = 2

if __name__ == "__main__":
    urls, out, images, threads = sys.argv[1:]
    download(
        url_list=urls,
        output_folder=out,
        input_format="parquet",
        url_col="url",
        caption_col="caption",
        output_format="webdataset",
        processes_count=PROCESSES,
        thread_count=int(threads),
        image_size=256,
        resize_mode="keep_ratio",
        encode_quality=95,
        number_sample_per_shard=max(1, int(images) // (2 * PROCESSES)),  # an equal share for each process
        enable_wandb=False,
    )
