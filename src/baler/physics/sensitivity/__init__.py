"""Sensitivity against bandwidth: what smaller events are worth to a search."""
