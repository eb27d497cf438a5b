"""Whole recipes, each with its command, cost and measured result."""
