"""Plots and one HTML page, made of the JSON of an evaluation and of nothing else."""

from baler.evaluate.report.write import need_matplotlib, write_report

__all__ = ["need_matplotlib", "write_report"]
