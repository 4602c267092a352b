"""Latent models: networks of integers that turn a few numbers into predictions of columns."""
