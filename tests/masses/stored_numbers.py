"""Numbers of the response, the likelihood and the fits are those stored in ``numbers.json``, for given events.

Much of what the mass fit does has no closed form to compare it with: kernels, smoothed shapes, sums over points. No
change of the code changes such numbers unnoticed. Where a change is meant,
``python tests/masses/stored_numbers.py`` writes them anew; say in the commit why they changed.
"""

import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from bumphunt.masses import hypotheses, profile, projections, systematics
from bumphunt.masses.acceptance import draw_signal
from bumphunt.masses.background_jets import background_jets
from bumphunt.masses.checks import mass_checks
from bumphunt.masses.decays import profiled
from bumphunt.masses.equal_daughters import inner_end
from bumphunt.masses.expected_shape import broadest_masses, expected_shape
from bumphunt.masses.fit import _converged, _place, _plane_variance, fit_masses, objective_at_its_scale
from bumphunt.masses.growth import MassGrowth, TabulatedGrowth
from bumphunt.masses.jet_scale import jet_mass_scale, on_scale, seen_scale
from bumphunt.masses.leave_one_out import leave_one_out
from bumphunt.masses.likelihood import Likelihood, SelectedEvents, selected_signal
from bumphunt.masses.own_signal import response_content
from bumphunt.masses.parameters import Parameters
from bumphunt.masses.peak_scan import Sideband, peak_scan, seed_estimate
from bumphunt.masses.plain_jets import peaks_over_plain
from bumphunt.masses.plane import PlaneDensity
from bumphunt.masses.quadrature import jet_pairs, mjj_of_pairs
from bumphunt.masses.resolution import from_nominal, to_nominal
from bumphunt.masses.response import local_weights, signal_model
from bumphunt.masses.responses import Response
from bumphunt.masses.signal_table import SignalTable, load_signal
from bumphunt.masses.starts import starting_points
from bumphunt.masses.substructure import at_scale, tau21_scale
from bumphunt.masses.yields import MassBox, box_yield
from bumphunt.preprocessing.splits import MassWindow
from bumphunt.results.codec import encode
from bumphunt.spectrum.binning import count, mass_grid
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.spectrum import Spectrum

STORED = Path(__file__).with_name("numbers.json")
RELATIVE, ABSOLUTE = 1e-6, 1e-9
FITTED = 2e-3
"""A minimum is found within its tolerance, and elsewhere in it where linear algebra rounds otherwise."""

MASSES = (3_530.0, 480.0, 160.0)
EDGES = mass_grid(2_900.0, 4_800.0, ratio=1.03)
WINDOW = MassWindow(low=EDGES[5], high=EDGES[9], sideband_low=EDGES[0], sideband_high=EDGES[-1])
AT = Parameters(3_500.0, 470.0, 165.0, 130.0, 260.0, 0.05, -0.04, 0.1)


def select(events):
    """Keep events by tau21 and the heavier jet's mass, as a score might."""
    tau21 = 0.5 * (events["tau21_1"] + events["tau21_2"]).to_numpy()
    return 0.05 + 0.9 / (1.0 + np.exp((tau21 - 0.35) / 0.05 - (events["mj1"].to_numpy() - 450.0) / 90.0))


@dataclass(frozen=True)
class Made:
    """Simulated signal, and events of which 90 are signal at :data:`MASSES`, drawn once and for all."""

    table: SignalTable
    varied: SignalTable

    @cached_property
    def model(self):
        return signal_model(self.table, MASSES)

    @cached_property
    def background(self):
        rng = np.random.default_rng(11)
        mjj = (2_900.0**-7 + rng.random(4_000) * (4_790.0**-7 - 2_900.0**-7)) ** (-1 / 7)
        mj1 = 300.0 * (mjj / 4_000.0) ** 0.5 * np.exp(rng.normal(0.0, 0.4, 4_000))
        return np.stack([mjj, mj1, mj1 * rng.beta(2.5, 2.5, 4_000), *rng.uniform(0.2, 0.9, (2, 4_000))])

    @cached_property
    def growth(self):
        return MassGrowth(*self.background[:3])

    @cached_property
    def events(self):
        drawn = draw_signal(self.model, 400, rng=np.random.default_rng(3)).table(MASSES).iloc[::4]
        signal = drawn[["mjj", "mj1", "mj2", "tau21_1", "tau21_2"]].to_numpy().T
        signal = signal * np.array([1.0, 1.0, 1.0, 1.15, 1.15])[:, None]  # prongs are blunter than simulated
        signal = signal[:, (signal[0] >= EDGES[0]) & (signal[0] < EDGES[-1])]
        mjj, mj1, mj2, *tau21 = np.concatenate([self.background[:, :260], signal], axis=1)
        masked = WINDOW.masked_bins(EDGES, guard=1)
        spectrum = fit_spectrum(
            count(mjj, EDGES), EDGES, family="dijet3", masked=masked, window=WINDOW.bins(EDGES), sqrt_s=13_000.0
        )
        return SelectedEvents(
            mjj=mjj, mj1=mj1, mj2=mj2, in_window=WINDOW.signal_region(mjj), spectrum=spectrum, growth=self.growth,
            tau21=np.stack(tau21), n_file=4_000, width=1.1,
        )  # fmt: skip

    @cached_property
    def plane(self):
        events, outside = self.events, self.events.outside
        beside = [mass[outside] for mass in (events.mjj, events.mj1, events.mj2)]
        return PlaneDensity(*beside, growth=self.growth, reference=events.centre)

    @cached_property
    def signal(self):
        return selected_signal(self.table, MASSES, ends=self.events.range, select=select, growth=self.growth)

    @cached_property
    def likelihood(self):
        return Likelihood(self.events, self.plane, self.signal)

    @cached_property
    def fit(self):
        return fit_masses(self.events, table=self.table, varied=self.varied, select=select)


RATIOS, PARTS = np.array([-2.0, -0.5, -0.2, -0.05, 0.0, 0.04, 0.1, 0.3, 1.5]), np.array([0.01, 0.1, 0.5, 0.9, 0.99])


def of_jets(made):
    model = made.model
    found = {}
    for name, jet in (("heavy", model.heavy), ("light", model.light)):
        found[name] = {
            "mode": jet.shape.mode, "width": jet.shape.core_width, "quantiles": jet.shape.quantile(PARTS),
            "below": jet.shape.below(RATIOS), "log": jet.shape.log_at(RATIOS), "pull": jet.pull_at(RATIOS),
            "widened": jet.shape.widened(RATIOS, 1.3), "peak": jet.shape.peak(1.3),
            "substructure": jet.substructure[::4, :, ::10],
        }  # fmt: skip
    return found


def of_the_resonance(made):
    model = made.model
    places = np.array([-0.4, -0.1, -0.02, 0.0, 0.03, 0.2])
    found = {
        "contained": model.contained.log_at(places), "others": model.uncontained.log_at(places),
        "accepted": model.accepted, "modes": [model.contained.mode, model.uncontained.mode],
        "pool": [model.pool.weight @ model.pool.residual, *(model.pool.ratio @ model.pool.weight)],
        "substructure": model.pool.weight @ model.pool.substructure[0],
        "simulated": (model.pool.weight**2).sum(),
        "below": [model.probability_below(ratio, places, np.full(6, 0.7), 1.2) for ratio in (0.9, 1.0, 1.1)],
        "range": model.range_probability(places, np.full(6, 0.7), 3_500.0, (3_300.0, 3_700.0)),
    }  # fmt: skip
    logs = np.log([[3_500.0, 3_400.0, 3_000.0, 3_600.0], [480.0, 200.0, 490.0, 900.0], [165.0, 150.0, 60.0, 480.0]])
    for widening in ((1.0, 1.0), (1.3, 0.8)):
        found[f"density {widening}"] = model.density(tuple(logs), masses=MASSES, widening=widening)
    return found


def of_weights(made):
    points = np.stack([np.linspace(-1.0, 0.7, 12), np.cos(np.arange(12.0))], axis=1)
    return {
        "near": local_weights(points, (0.3, 0.5)), "far": local_weights(points + 2.0, (0.1, 0.1)),
        "few": local_weights(points[:3], (0.3, 0.5)), "nominal": to_nominal(RATIOS, 0.7, 0.2),
        "measured": from_nominal(RATIOS, 1.4, 0.15),
    }  # fmt: skip


def of_draws(made):
    drawn = draw_signal(made.model, 300, rng=np.random.default_rng(1))
    other = drawn.measured(made.model, (1.2, 0.8))
    table = drawn.table(MASSES)
    return {
        "heavy": drawn.heavy[::30], "light": drawn.light[::30], "pull": drawn.pull[::30],
        "mjj": drawn.log_resonance[::30],
        "contained": drawn.contained[::30], "measured": [other.heavy[:5], other.light[:5], other.log_resonance[:5]],
        "table": table.mean().to_numpy(), "jets": np.mean(drawn.jet_masses((3_530.0, 200.0, 190.0)), axis=1),
    }  # fmt: skip


def of_pairs(made):
    pairs = jet_pairs(made.model, widening=1.1)
    log_mjj, weight = mjj_of_pairs(made.model, pairs, 3_500.0, ends=(3_300.0, 4_000.0), widening=1.2)
    return {
        "jets": [pairs.heavy[:5], pairs.light[:5], pairs.pull[:5], pairs.contained[:5]],
        "masses": np.array(pairs.log_masses((3_500.0, 200.0, 190.0)))[:, :5],
        "mjj": log_mjj[::500], "weight": weight[::500], "mean": weight.mean(),
    }  # fmt: skip


def of_growth(made):
    mjj, masses = np.array([2_900.0, 3_400.0, 4_000.0, 4_800.0]), np.log([2.0, 150.0, 300.0, 9e3])
    table = TabulatedGrowth(made.growth, reference=3_500.0, ends=(2_900.0, 4_800.0))
    found = {}
    for axis in (0, 1):
        found[f"moved {axis}"] = made.growth.removed(axis, mjj, masses, reference=3_500.0)
        found[f"stretch {axis}"] = made.growth.stretch(axis, mjj, masses, reference=3_500.0)
        found[f"tabulated {axis}"] = table.removed(axis, np.log(mjj), masses)
        found[f"by powers {axis}"] = MassGrowth().removed(axis, mjj, masses, reference=3_500.0)
    return found


PLACES = tuple(np.array([[3e3, 3.4e3, 3.6e3, 4.5e3], [300.0, 470.0, 150.0, 900.0], [100.0, 165.0, 145.0, 20.0]]))


def of_the_plane(made):
    plane = made.plane
    weighted = plane.weighted(np.linspace(0.1, 1.0, len(plane.left_out())))
    fine = np.linspace(3_300.0, 3_700.0, 30)
    bins = np.array([0.0, 50.0, 150.0, 300.0, 600.0])
    return {
        "density": plane(*PLACES), "left out": plane.left_out()[::20], "weighted": weighted(*PLACES),
        "events": weighted.n_events, "heavier": plane.marginal(0, bins, fine, np.ones(30)),
        "lighter": plane.marginal(1, bins, fine, np.linspace(2.0, 1.0, 30)),
    }  # fmt: skip


def of_the_selection(made):
    signal = made.signal
    return {
        "acceptance": signal.acceptance(*PLACES), "mean": signal.acceptance.mean,
        "efficiency": [signal.efficiency(MASSES), signal.efficiency(AT.masses, AT.widening)],
        "contained": signal.model.contained.log_at(RATIOS[2:7]),
        "all": selected_signal(made.table, MASSES, ends=made.events.range, select=None).efficiency(MASSES),
    }  # fmt: skip


def of_the_likelihood(made):
    likelihood = made.likelihood
    cleaned, plane, counted = likelihood.separated(AT)
    return {
        "value": [likelihood(*AT), likelihood(*AT._replace(m_x=500.0))],
        "low": likelihood(*AT._replace(background_shift=-3.0)),
        "expected": likelihood.expected(AT), "signal": likelihood.signal_probability(AT)[::30],
        "separated": [counted.n_signal, counted.n_background, cleaned.spectrum.window_expected,
                      cleaned.spectrum.window_error],
        "cleaned plane": plane(*PLACES),
    }  # fmt: skip


def of_starts(made):
    return {"starts": starting_points(made.events, made.plane, number=3), "place": _place((3_500.0, 480.0, 160.0)),
            "kept": _place((3_520.0, 478.0, 161.0), before=(3_500.0, 480.0, 160.0)),
            "inner": [inner_end(20.0, rise, 5.0) for rise in (0.0, 0.5, 2.0, 8.0)]}  # fmt: skip


def of_what_the_fit_is_told(made):
    likelihood = made.likelihood
    parts = projections.projections(likelihood, AT)
    minuit = profile._prepared(likelihood, AT)
    return {
        "background": [part.background[::5] for part in parts], "signal": [part.signal[::5] for part in parts],
        "edges": [part.edges[-1] for part in parts], "counts": [part.counts[::5] for part in parts],
        "goodness": projections.goodness(parts, likelihood, AT),
        "simulated": projections.simulated_per_event(likelihood, AT),
        "plain": peaks_over_plain(likelihood, AT), "steps": list(minuit.errors), "limits": list(minuit.limits),
    }  # fmt: skip


def of_systematics(made):
    shift = systematics.detector_shift(made.table, made.varied, MASSES, ends=made.events.range, select=select)
    scale = tau21_scale(made.likelihood, AT, select)
    drawn = draw_signal(made.model, 200, rng=np.random.default_rng(1)).table(MASSES)
    told = systematics.Fitted(signal=made.model, shift=shift, scale=scale)
    return {
        "shift": shift, "scale": scale, "at scale": at_scale(select, 1.2)(drawn)[::20],
        "errors": systematics.relative_errors(told),
        "without": systematics.relative_errors(replace(told, scale=None)),
        "unseen": tau21_scale(Likelihood(replace(made.events, tau21=None), made.plane, made.signal), AT, select),
        "core": systematics.core_mean(made.background[1] / 300.0 - 1.0, np.linspace(1.0, 2.0, 4_000)),
    }  # fmt: skip


def of_yields(made):
    mjj, mj1, mj2 = made.background[:3]
    own = made.events.spectrum
    bins = Spectrum(counts=own.counts, edges=EDGES, sqrt_s=13_000.0, masked=own.masked, window=own.window)
    response = Response(name="one", table=made.table, varied=made.varied)
    box = MassBox(masses=(3_530.0, 330.0, 170.0), widening=(1.1, 0.9))
    shape = expected_shape(made.table, MASSES, EDGES, widening=1.2)
    return {
        "shape": shape.probabilities, "trigger": shape.trigger_acceptance,
        "broadest": broadest_masses(made.table, 3_600.0), "lost": made.model.heavy.shape.below(-0.3),
        "box": box_yield((mjj, mj1, mj2), bins, box, response), "held": box.holds(mj1, mj2, made.model).mean(),
    }  # fmt: skip


def of_peaks(made):
    mjj, mj1, mj2, first, second = made.background[:, :600]
    score = -first - second - np.abs(np.log(mj1 / 450.0))
    variables = {"mjj": mjj, "mj1": mj1, "mj2": mj2}
    widths = {"mjj": 50.0, "mj1": 20.0, "mj2": 15.0}
    aside = made.background[:, 600:1_400]
    sideband = Sideband(
        score=-aside[3] - aside[4] - np.abs(np.log(aside[1] / 450.0)),
        variables={"mj1": aside[1], "mj2": aside[2]}, scale=0.4,
    )  # fmt: skip
    how = {"bin_widths": widths, "take": (40, 90), "steps": 20, "sideband": sideband}
    found = peak_scan(score, variables, **how, rng=np.random.default_rng(2))
    few = peak_scan(score[:30], {"mjj": mjj[:30]}, bin_widths=widths, take=(40, 90), steps=5)
    seed = seed_estimate(score, variables, bin_widths=widths)
    return {
        "taken": found.n_taken, "modes": found.modes[::5], "half": found.half_sample[::5], "kernel": found.kernel[::5],
        "mean": [found.mean, found.spread, found.robust, found.robust_error], "few": [few.n_taken, few.mean],
        "seed": seed,
    }  # fmt: skip


def of_jet_scales(made):
    rng = np.random.default_rng(5)
    mjj = rng.uniform(3_000.0, 6_000.0, 13_000)
    mj1, mj2 = mjj * np.exp(rng.normal(-2.6, 0.5, 13_000)), mjj * np.exp(rng.normal(-3.3, 0.6, 13_000))
    known = background_jets(mjj, mj1, mj2, ends=(3_100.0, 5_900.0))
    scales = [seen_scale(log, statistical=0.01) for log in (0.02, 0.05, -0.07, 0.2)]
    fit = on_scale(made.fit, scales[1])
    return {
        "curves": [known.heavier, known.lighter], "difference": known.difference(mjj[:900], mj1[:900], mj2[:900]),
        "shipped": jet_mass_scale(mjj, mj1, mj2), "scales": scales,
    }, {"m_x": fit.m_x, "m_y": fit.m_y, "statistical": fit.statistical, "systematic": fit.systematic}  # fmt: skip


def of_hypotheses(made):
    grid = hypotheses.hypothesis_grid(3_500.0)
    names = ("mj1", "mj2", "tau21_1", "tau21_2")
    drawn = hypotheses.simulated_signal(made.table, [3_400.0, 3_900.0], names, number=400, rng=np.random.default_rng(4))
    jets = drawn.features[:, :2] - np.log(np.array([3_400.0, 3_900.0])[drawn.reference])[:, None]
    shapes = hypotheses.MassShapes(made.table, reference=3_500.0, jets=jets)
    near, ratio = shapes.near(480.0, 160.0)
    return {
        "grid": [len(grid), *grid[-1]], "share": hypotheses.resonance_share(made.table, 3_500.0, EDGES),
        "drawn": [drawn.features.mean(axis=0), drawn.features.std(axis=0)], "mjj": drawn.mjj[::80],
        "near": [len(near), near[0], near[-1]], "ratio": ratio[:: max(len(ratio) // 12, 1)],
        "cells": hypotheses.cells(jets[:5]),
    }  # fmt: skip


def of_own_signal(made):
    points = [(3_000.0, 300.0, 150.0), (3_000.0, 500.0, 100.0), (3_500.0, 300.0, 150.0), (3_500.0, 500.0, 100.0),
              (4_000.0, 300.0, 150.0), (4_000.0, 500.0, 100.0)]  # fmt: skip
    tables = {
        point: draw_signal(made.model, 220, rng=np.random.default_rng(number)).table(point).assign(n_generated=300.0)
        for number, point in enumerate(points)
    }
    mjj, mj1, mj2 = np.tile(made.background[:3], 4)
    content, found = response_content(tables, background=pd.DataFrame({"mjj": mjj, "mj1": mj1, "mj2": mj2}))
    return {
        "events": content["events"].astype(float).mean(axis=1), "accepted": content["accepted"],
        "jets": content["background_jets"], "errors": found.errors, "differences": found.differences,
        "shipped": leave_one_out(made.table, most=3),
    }  # fmt: skip


def of_the_fit(made):
    fit, likelihood = made.fit, made.likelihood
    place = _converged(made.events, made.plane, MASSES, lambda _: made.signal, known=[])
    second = {} if fit.second is None else fit.second
    return {
        "m_resonance": fit.m_resonance, "m_x": fit.m_x, "m_y": fit.m_y, "n_signal": fit.n_signal,
        "n_selected": fit.n_selected, "systematic": fit.systematic, "statistical": fit.statistical,
        "efficiency": [fit.efficiency, fit.efficiency_error], "objective": fit.objective, "second": second,
        "tau21": [fit.tau21_scale, fit.tau21_pull, fit.acceptance_known, fit.tau21_compared],
        "over plain": fit.over_plain, "p_value": fit.p_value,
        "window": [fit.excess, fit.excess_error, fit.n_selected_window], "correlation": fit.correlation[0],
        "at": list(place.at)[:5], "value": place.value, "plane": _plane_variance(place),
        "scaled": objective_at_its_scale(made.events, fit, table=made.table, select=select),
        "minimum": likelihood(*place.at),
    }  # fmt: skip


def of_checks(made):
    fit = replace(made.fit, jet_scale=seen_scale(0.05, statistical=0.01), n_signal_box=made.fit.n_selected)
    checks = mass_checks(fit, n_events=4_000, jet_ratio=0.07, table=made.table)
    other = replace(
        fit, hypothesis="other", objective=fit.objective + 0.4, m_x=fit.m_resonance, n_signal=fit.n_selected
    )
    both = profiled([other, fit])
    return {"checks": {check.name: [check.value, check.threshold] for check in checks},
            "both": [both.m_x, both.n_signal], "behind": both.hypotheses}  # fmt: skip


PARTS_OF = {name: each for name, each in list(globals().items()) if name.startswith("of_")}
BY_FIT = {name: PARTS_OF.pop(name) for name in ("of_the_fit", "of_checks")}
EXACT = {name: each for name, each in PARTS_OF.items() if name != "of_jet_scales"}


def renew():
    """Write the numbers anew."""
    made = Made(load_signal(), load_signal(varied=True))
    found = {name: encode(each(made)) for name, each in {**EXACT, **BY_FIT, "of_jet_scales": of_jet_scales}.items()}
    STORED.write_text(json.dumps(found, indent=None) + "\n", "utf-8")


if __name__ == "__main__":
    renew()
