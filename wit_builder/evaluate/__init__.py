"""What a checkpoint is worth on evaluation sets, measured as section 3 of the CLIP paper does."""
