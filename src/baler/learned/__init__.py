"""Learned models: integer networks that select and place transmitted tables, and their coder."""
