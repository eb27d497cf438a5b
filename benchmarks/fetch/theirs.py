"""img2dataset on a list: `python theirs.py LIST OUT SHARD THREADS`, run by the peer's Python."""

import os
import sys

os.environ["WANDB_MODE"] = "disabled"
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

from img2dataset import download

if __name__ == "__main__":
    urls, out, shard, threads = sys.argv[1:]
    download(
        url_list=urls,
        output_folder=out,
        input_format="parquet",
        url_col="url",
        caption_col="caption",
        output_format="webdataset",
        processes_count=2,
        thread_count=int(threads),
        image_size=256,
        resize_mode="keep_ratio",
        encode_quality=95,
        number_sample_per_shard=int(shard),
        enable_wandb=False,
    )
