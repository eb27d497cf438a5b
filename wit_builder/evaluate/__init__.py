"""What a trained checkpoint is worth, measured on evaluation sets."""
