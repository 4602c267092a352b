"""Analyses, each a small definition of its own."""
