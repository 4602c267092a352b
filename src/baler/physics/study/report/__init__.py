"""Plots and one HTML page, made of the JSON of a study and of nothing else."""

from baler.physics.study.report.write import need_matplotlib, write_report

__all__ = ["need_matplotlib", "write_report"]
