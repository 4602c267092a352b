"""Missing transverse energy."""

from __future__ import annotations

import numpy as np

from baler.physics.simulate.tables import Table, total


def missing_energy(candidates: Table, jets: Table, events: int) -> Table:
    """What the transverse momenta lack to zero (GeV), jets corrected, with covariance (GeV^2).

    The significance is the square of the missing momentum in units of its covariance (CMS 2011,
    https://arxiv.org/abs/1106.5048).
    """
    event, pt, phi = candidates["event"], candidates["pt"], candidates["phi"]
    correction = jets["pt"] - jets["rawPt"]
    x = -total(pt * np.cos(phi), event, events)
    y = -total(pt * np.sin(phi), event, events)
    x -= total(correction * np.cos(jets["phi"]), jets["event"], events)
    y -= total(correction * np.sin(jets["phi"]), jets["event"], events)
    variance = candidates["ptErr"] ** 2
    unclustered = 60.0  # GeV^2, from what is too soft to be seen
    xx = unclustered + total(variance * np.cos(phi) ** 2, event, events)
    yy = unclustered + total(variance * np.sin(phi) ** 2, event, events)
    xy = total(variance * np.cos(phi) * np.sin(phi), event, events)
    significance = (x**2 * yy - 2 * x * y * xy + y**2 * xx) / (xx * yy - xy**2)
    return {
        "MET_pt": np.hypot(x, y),
        "MET_phi": np.arctan2(y, x),
        "MET_sumEt": total(pt, event, events),
        "MET_covXX": xx,
        "MET_covXY": xy,
        "MET_covYY": yy,
        "MET_significance": significance,
    }
