"""Significance and limit of a search in binned counts, in the asymptotic approximation.

Formulas are those of G. Cowan, K. Cranmer, E. Gross and O. Vitells, Eur. Phys. J. C 71 (2011) 1554
(arXiv:1007.1727): the Asimov data set, q0 for a discovery, q~mu and CLs for a limit. ``expected``
computes them with linear background variations in NumPy, in milliseconds; ``expected_pyhf`` asks
pyhf the same question, in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from baler.errors import UsageError
from baler.physics.measured import Failure, Floats

NORMAL = NormalDist()
FREE = 30.0
"""By how much the constraint of a background variation is wider than the variation: with it the
data alone say what the background is, as where function and signal are fitted together."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a search expects."""

    significance: float  # standard deviations
    limit: float  # CLs upper limit at 95 %, as a multiple of the signal
    strength: float  # fitted to background and signal; 1 where the templates are true
    spurious: float  # fitted to background alone; 0 where the template is true


@dataclass(frozen=True, slots=True, eq=False)
class Templates:
    """The model that is fitted: expected events by bin."""

    background: Floats  # (bins,), positive
    signal: Floats  # (bins,), for a strength of 1
    variations: Floats  # (k, bins), of the background, for one standard deviation


def templates(
    background: Floats, signal: Floats, variations: Floats | None = None, *, free: float = FREE
) -> Templates:
    """Return a model; variations are those of a fit, and ``free`` widens their constraint.

    Raises UsageError for shapes that differ, or bins without background.
    """
    if variations is None:
        variations = np.empty((0, background.size))
    if signal.shape != background.shape or variations.shape[1:] != background.shape:
        shapes = f"{background.shape}, {signal.shape} and {variations.shape}"
        raise UsageError(f"background, signal and variations have bins of shapes {shapes}")
    if not np.all(background > 0):
        raise UsageError(f"{np.count_nonzero(~(background > 0))} bins have no background")
    return Templates(background, signal, free * variations)


def expected(
    model: Templates, *, background: Floats | None = None, signal: Floats | None = None
) -> Expected | Failure:
    """Return what a search with this model expects in data of a background and a signal.

    Those of the model if they are not given; others tell what a wrong template does, for instance
    one made before a compression of the data. Data have no fluctuations (the Asimov data set).
    """
    if not 0 < _information(model) < np.inf:
        return Failure("no signal in the bins of the search")
    nature, both = _data(model, background, signal)
    scale = _unit(model)
    try:
        discovery = _Likelihood(model, both, scale)
        q0 = discovery.q(0.0) if discovery.best[1] > 0 else 0.0
        nothing = _Likelihood(model, nature, scale)
        limit = nothing.limit()
    except _DidNotConvergeError as error:
        return Failure(str(error))
    return Expected(
        float(np.sqrt(max(q0, 0.0))),
        limit * scale,
        discovery.best[1] * scale,
        nothing.best[1] * scale,
    )


def relative_uncertainty(model: Templates, squares: Floats, open_: Floats) -> float:
    """Return the relative uncertainty of significance and limit by the events of the templates.

    ``squares`` are the variances of the signal by bin, ``open_`` independent changes of the
    background by one standard deviation, (k, bins). For small signals significance is
    sqrt(s M s) and the limit 1.96 / sqrt(s M s), where M is the inverse covariance of the data with
    the variations profiled out; uncertainties propagate through that.
    """

    def strength(background: Floats) -> tuple[float, Floats]:
        scaled = model.variations / background
        inner = np.eye(len(scaled)) + scaled @ model.variations.T
        turned = model.signal / background
        turned = turned - scaled.T @ np.linalg.solve(inner, model.variations @ turned)
        return float(model.signal @ turned), turned

    size, slope = strength(model.background)
    changes = [strength(model.background + one)[0] / size - 1 for one in open_]
    variance = float(np.sum(slope**2 * squares)) / size**2 + np.sum(np.square(changes)) / 4
    return float(np.sqrt(variance))


def expected_pyhf(
    model: Templates, *, background: Floats | None = None, signal: Floats | None = None
) -> Expected | Failure:
    """Return what ``expected`` does, by pyhf; raises UsageError without pyhf.

    The minimiser is Minuit: pyhf's default, SLSQP, stops far from the minimum of this likelihood.
    Strengths are not negative.
    """
    try:
        import iminuit  # noqa: F401
        import pyhf
    except ImportError:
        raise UsageError("pyhf or iminuit is missing: pip install 'baler[physics]'") from None
    from scipy.optimize import brentq

    if not 0 < _information(model) < np.inf:
        return Failure("no signal in the bins of the search")
    nature, both = _data(model, background, signal)
    scale = _unit(model)
    workspace = pyhf.Model(_specification(model, scale), poi_name="mu")
    bounds = workspace.config.suggested_bounds()
    bounds[workspace.config.poi_index] = (0.0, 20.0 + 2.0 / scale)
    auxiliary = list(workspace.config.auxdata)
    ask: dict[str, Any] = {"par_bounds": bounds}

    def data(counts: Floats) -> list[float]:
        return [*counts.tolist(), *auxiliary]

    def excess(mu: float) -> float:
        found = pyhf.infer.hypotest(mu, data(nature), workspace, test_stat="qtilde", **ask)
        return float(found) - 0.05

    backend, optimizer = pyhf.get_backend()
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer())
    try:
        q0 = pyhf.infer.test_statistics.q0(
            0.0, data(both), workspace, workspace.config.suggested_init(), bounds,
            workspace.config.suggested_fixed(),
        )  # fmt: skip
        limit = brentq(excess, 0.1, bounds[workspace.config.poi_index][1], xtol=1e-4)
        strengths = [
            float(pyhf.infer.mle.fit(data(one), workspace, **ask)[workspace.config.poi_index])
            for one in (both, nature)
        ]
    except (pyhf.exceptions.FailedMinimization, ValueError) as error:
        return Failure(f"pyhf: {error}")
    finally:
        pyhf.set_backend(backend, optimizer)
    return Expected(
        float(np.sqrt(max(float(q0), 0.0))), limit * scale, strengths[0] * scale,
        strengths[1] * scale,
    )  # fmt: skip


def _data(
    model: Templates, background: Floats | None, signal: Floats | None
) -> tuple[Floats, Floats]:
    nature = model.background if background is None else background
    both = nature + (model.signal if signal is None else signal)
    for name, counts in (("background", nature), ("background and signal", both)):
        if counts.shape != model.background.shape or not np.all(counts >= 0):
            raise UsageError(
                f"{name} of the data: expected {model.background.size} numbers >= 0, found "
                f"{counts.size} of which {np.count_nonzero(~(counts >= 0))} are not"
            )
    return nature, both


def _information(model: Templates) -> float:
    return float(np.sum(np.maximum(model.signal, 0.0) ** 2 / model.background))


def _unit(model: Templates) -> float:
    """Return a strength of about one standard deviation, for numbers of order one in the fits."""
    return float(1 / np.sqrt(_information(model)))


def _specification(model: Templates, scale: float) -> dict[str, Any]:
    shapes = [
        {
            "name": f"background {k}",
            "type": "histosys",
            "data": {
                "hi_data": (model.background + one).tolist(),
                "lo_data": (model.background - one).tolist(),
            },
        }
        for k, one in enumerate(model.variations)
    ]
    strength = {"name": "mu", "type": "normfactor", "data": None}
    signal = {"name": "signal", "data": (scale * model.signal).tolist(), "modifiers": [strength]}
    nature = {"name": "background", "data": model.background.tolist(), "modifiers": shapes}
    return {"channels": [{"name": "mass", "samples": [signal, nature]}]}


class _DidNotConvergeError(Exception):
    pass


class _Likelihood:
    """Twice the negative logarithm of the likelihood, profiled over the background.

    The expected events b + mu s + theta v are linear in all parameters, and theta has a standard
    normal constraint about ``centres``: the function is convex, and Newton's method finds its
    minimum.
    """

    def __init__(
        self, model: Templates, data: Floats, scale: float, centres: Floats | None = None
    ) -> None:
        self.model, self.data, self.scale = model, data, scale
        self.signal = scale * model.signal
        self.centres = np.zeros(len(model.variations)) if centres is None else centres
        self.best = self._minimum(None)
        self.floor = self.best[0] if self.best[1] >= 0 else self._minimum(0.0)[0]

    def q(self, mu: float) -> float:
        """Return -2 ln of the ratio of likelihoods for mu and for its best value >= 0."""
        return max(self._minimum(mu)[0] - self.floor, 0.0)

    def limit(self, level: float = 0.05) -> float:
        """Return the strength whose CLs is ``level``."""
        from scipy.optimize import brentq

        _, _, centres = self._minimum(0.0)
        asimov = _Likelihood(
            self.model, self.model.background + centres @ self.model.variations, self.scale, centres
        )

        def excess(mu: float) -> float:
            q, root = self.q(mu) if self.best[1] <= mu else 0.0, np.sqrt(asimov.q(mu))
            if root == 0:
                return 1 - level
            # equations 65 and 66 for q~mu, where the data may pull more than the Asimov data
            shift = np.sqrt(q) - root if q <= root**2 else (q - root**2) / (2 * root)
            return float(NORMAL.cdf(-shift - root) / max(NORMAL.cdf(-shift), 1e-300)) - level

        high = 4.0 + 2 * max(self.best[1], 0.0)
        for _ in range(30):
            if excess(high) < 0:
                return float(brentq(excess, 0.0, high, xtol=1e-7, rtol=1e-9))
            high *= 2
        raise _DidNotConvergeError("limit: no strength is excluded")

    def _minimum(self, mu: float | None) -> tuple[float, float, Floats]:
        """Return the minimum, the strength and theta there; ``mu`` fixes the strength."""
        rows = self.model.variations
        floating = rows if mu is not None else np.vstack([rows, self.signal])
        base = self.model.background + (mu or 0.0) * self.signal
        k = len(rows)
        prior = np.zeros(len(floating))
        prior[:k] = 1.0
        centre = np.zeros(len(floating))
        centre[:k] = self.centres
        at = centre.copy()
        means = base + at @ floating
        here = self._value(means, at, prior, centre)
        for _ in range(100):
            slope = floating @ (1 - self.data / means) + prior * (at - centre)
            curve = (floating * (self.data / means**2)) @ floating.T + np.diag(prior)
            try:
                step = -np.linalg.solve(curve, slope)
            except np.linalg.LinAlgError:
                raise _DidNotConvergeError("signal and background cannot be told apart") from None
            gain, size = -float(step @ slope), 1.0
            while True:
                there = at + size * step
                means = base + there @ floating
                value = self._value(means, there, prior, centre) if np.all(means > 0) else np.inf
                if value <= here + 1e-10:
                    break
                size /= 2
                if size < 1e-10:
                    raise _DidNotConvergeError("the profile likelihood did not converge")
            at, here = there, value
            if gain < 1e-12:
                return here, (mu if mu is not None else float(at[-1])), at[:k]
        raise _DidNotConvergeError("the profile likelihood did not converge")

    def _value(self, means: Floats, at: Floats, prior: Floats, centre: Floats) -> float:
        # Each term is small near the minimum, however many events there are, so that differences
        # keep their digits.
        excess = means - self.data
        ratio = np.divide(excess, self.data, out=np.zeros_like(excess), where=self.data > 0)
        terms = np.where(self.data > 0, self.data * (ratio - np.log1p(ratio)), means)
        return float(2 * np.sum(terms) + np.sum(prior * (at - centre) ** 2))
