"""All figures of the page, with captions and descriptions for those who cannot see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bumphunt import plots
from bumphunt.plots.style import style
from bumphunt.report.figure_files import save
from bumphunt.report.formats import count, fraction, interval, mass, mass_range, p_value, sigma
from bumphunt.report.hover import spectrum_spots, window_spots
from bumphunt.report.inline import Spot, svg
from bumphunt.results import AnalysisResult, MassFit, Products, SignalLimits, SpectrumFit


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A figure on disk: file stem, caption, description, and the same drawing as an SVG element for the page."""

    name: str
    caption: str
    description: str
    svg: str


def given_mass_fit(result: AnalysisResult, products: Products) -> MassFit | None:
    """Return the mass fit if its numbers are part of the answers: what is not given is not drawn either."""
    return None if result.answers.m_resonance is None else products.mass_fit


def draw_figures(
    result: AnalysisResult, products: Products, folder: Path, *, limits: SignalLimits | None = None
) -> dict[str, Picture]:
    """Draw what the products hold into ``folder`` (PDF and PNG) and return the pictures by name.

    The look is the report's own, whatever matplotlib settings are active.
    """
    pictures: dict[str, Picture] = {}

    def add(name: str, drawn: tuple[Figure, Any], caption: str, description: str, hover: Hover = ()) -> None:
        save(drawn[0], folder / name)
        drawing = svg(drawn[0], name, description=description, hover=hover)
        pictures[name] = Picture(name=name, caption=caption, description=description, svg=drawing)

    with style():
        _spectra(result, products, add)
        _scan(result, products, add)
        _masses(result, products, add)
        _others(result, products, add)
        if limits is not None:
            _models(limits, status_text(result, luminosity=limits.luminosity), add)
    return pictures


def status_text(result: AnalysisResult | SignalLimits, *, luminosity: float | None = None) -> str:
    """Return what the data are, as far as the saved result knows: simulation, collision energy, luminosity.

    ``luminosity`` (1/fb) is said in place of that of the configuration.
    """
    config = result.config
    energy = config.get("sqrt_s")
    if luminosity is None and isinstance(config.get("limit"), dict):
        luminosity = config["limit"].get("luminosity")
    parts = ["Simulation"] if result.input.get("simulation") else []
    if isinstance(luminosity, int | float):
        parts.append(f"{luminosity:g} fb⁻¹")
    if isinstance(energy, int | float):
        parts.append(f"{energy / 1000.0:g} TeV")
    return ", ".join(parts)


Hover = Sequence[tuple[Axes, Sequence[Spot]]]


class Add(Protocol):
    """Saves a figure and takes it into the page: name, figure, caption, description, values on hover."""

    def __call__(
        self, name: str, drawn: tuple[Figure, Any], caption: str, description: str, hover: Hover = ...
    ) -> None:
        """Do so."""


PULLS = (
    "Below: the pull of each bin, the signed root of its Poisson likelihood ratio, "
    "without the fit's own uncertainty (band)."
)


def _spectra(result: AnalysisResult, products: Products, add: Add) -> None:
    fit = products.inclusive
    name = fit.mass_label[:1].upper() + fit.mass_label[1:]
    caption = (
        f"{name} of all events with the smooth background fitted outside the shaded window (line; band: 68 % "
        f"uncertainty). {PULLS}"
    )
    if not fit.masked.any():
        caption = f"{name} of all events with the smooth background fit (line; band: 68 % uncertainty). {PULLS}"
    unit, status = fit.mass_unit, status_text(result)
    before = plots.spectrum(fit, title="Before selection", status=status)
    spots = spectrum_spots(fit)
    add("spectrum_before", before, caption, _describe(fit, "before selection"), [(axes, spots) for axes in before[1]])
    window = products.scan.best_spectrum
    if window is None or window.fit is None:
        return
    kept = f"{100 * window.cut_fraction:.3g} % most anomalous"
    # masses were fitted to what the finder selected
    own = window is products.scan.best_window
    after = plots.spectrum(
        window.fit, title=f"After selection: {kept}", status=status,
        mass_fit=given_mass_fit(result, products) if own else None,
    )  # fmt: skip
    other = "" if own else (
        " This is the selection of the search that learns from the data alone, where it sees most; the prior-assisted "
        "search, whose excess is the one claimed or the largest, weighs events and fits no spectrum."
    )  # fmt: skip
    spots = spectrum_spots(window.fit)
    add(
        "spectrum_after",
        after,
        f"The same spectrum of the {kept} events. The fit does not see the shaded window "
        f"({mass_range(window.low, window.high)} {unit}): events there above the line are the excess, "
        f"{sigma(window.z_local)} local.{other}",
        _describe(window.fit, "after selection"),
        [(axes, spots) for axes in after[1]],
    )


def _describe(fit: SpectrumFit, when: str) -> str:
    text = (
        f"Spectrum of the {fit.mass_label} {when}: {count(fit.counts.sum())} events from {mass(fit.edges[0])} to "
        f"{mass(fit.edges[-1])} {fit.mass_unit}, falling smoothly; background fit with p-value {p_value(fit.p_value)}."
    )
    if fit.masked.any():
        text += (
            f" In the window {count(fit.counts[fit.window].sum())} observed, "
            f"{fit.window_expected:.1f} ± {fit.window_error:.1f} expected."
        )
    return text


def _scan(result: AnalysisResult, products: Products, add: Add) -> None:
    found, best = products.scan, products.scan.best_window
    described = "No window was searched."
    if best is not None:
        described = (
            f"Smallest p-value {p_value(best.p_local)} in the window {mass_range(best.low, best.high)} "
            f"{found.mass_unit} with {fraction(best.cut_fraction)} of the events kept; "
            f"global p-value {p_value(found.p_global)}."
        )
    drawn = plots.scan(found, status=status_text(result), prior=products.hypothesis_scans)
    of_prior = ""
    if products.hypothesis_scans:
        number = round(sum(one.n_hypotheses for one in products.hypothesis_scans) / len(products.hypothesis_scans))
        median = products.hypothesis_scans[0].null_median
        of_prior = (
            f" Black: the prior-assisted search, in each window the best of about {number} pairs of daughter masses. "
            f"Without signal it lies at 2 to 3 σ, and the largest of all windows at {median:.1f} σ."
        )
    add(
        "scan",
        drawn,
        "Local p-value of an excess in each window, one line per cut on the anomaly score; 3 and 5 σ are dashed. The "
        "global p-value, above the figure, allows for all windows, cuts and searches. Gaps are windows that could not "
        f"be searched.{of_prior}",
        f"Local p-value against the middle of the window. {described}",
        [(drawn[1], window_spots(found))],
    )
    if products.plane is not None:
        fit = given_mass_fit(result, products)
        marked = where = ""
        if fit is not None:
            marked = (
                " Large cross: fitted masses of the particles X and Y; their jets come out a few GeV heavier, "
                "and some lose part of the decay."
            )
            where = f" Fitted masses: {interval(fit.m_x, 'GeV')} and {interval(fit.m_y, 'GeV')}."
        add(
            "jet_plane",
            plots.plane(
                products.plane,
                mass_fit=fit,
                status=status_text(result),
                n_background=None if best is None else best.n_expected,
            ),
            "Masses of the two jets of selected events in the best window (dots). Colour: what the window has beyond "
            "its sidebands, scaled to the expected background, in standard deviations of each cell. A decay to two new "
            f"particles gathers in one spot.{marked}",
            f"Heavier against lighter jet mass of {len(products.plane.mj1_window)} events in the window and "
            f"{len(products.plane.mj1_sideband)} in the sidebands.{where}",
        )


def _masses(result: AnalysisResult, products: Products, add: Add) -> None:
    fit = given_mass_fit(result, products)
    if products.hypotheses is not None:
        add(
            "hypothesis_map",
            plots.hypothesis_map(products.hypotheses, status=status_text(result)),
            "Local significance of every tried pair of daughter masses. One spot is what a decay to two new particles "
            "looks like; ridges and many spots are not. Points that were not tried are empty.",
            f"Map of local significances over the daughter masses: {products.hypotheses}.",
        )
    peaks = products.peak_scan
    if peaks is not None:
        means = ", ".join(
            f"{name} {mean:.0f} GeV with spread {spread:.0f} GeV"
            for name, mean, spread in zip(peaks.variables, peaks.mean, peaks.spread, strict=True)
        )
        add(
            "peak_scan",
            plots.peak_scan(peaks, mass_fit=fit),
            "Where each mass histogram peaks, against the number of most anomalous events taken. Right: mean and "
            "spread over the shaded range (the spread is not an uncertainty, since neighbouring points share their "
            "events)" + ("." if fit is None else ", and the mass fit with its 68 % interval."),
            f"Position of the histogram maximum against the number of events taken. Means: {means}.",
        )
    if fit is not None and fit.projections:
        add(
            "mass_fit",
            plots.mass_fit(fit, status=status_text(result)),
            "The likelihood fit seen in each mass: selected events with background and, stacked on it, signal. The "
            "masses given are those of the particles, after the calibration of the jet mass.",
            f"Fit projections. Resonance {interval(fit.m_resonance, 'GeV')}, X {interval(fit.m_x, 'GeV')}, "
            f"Y {interval(fit.m_y, 'GeV')}; {interval(fit.n_selected)} signal among {count(fit.n_events)} events.",
        )


def _others(result: AnalysisResult, products: Products, add: Add) -> None:
    if products.limit is not None:
        upper = products.limit
        expected = f"; {count(upper.expected[2])} expected without signal" if len(upper.expected) == 5 else ""
        fit = given_mass_fit(result, products)
        add(
            "limit",
            plots.limit(upper, n_signal=None if fit is None else fit.n_signal),
            "Observed 95 % CLs upper limit on a narrow resonance in the inclusive spectrum (no selection), beside the "
            "range expected if there were none. An observed limit far right of the band means more events than "
            "background alone gives.",
            f"Observed limit {count(upper.n_signal_95)} signal events at {mass(upper.mass)} {upper.mass_unit}"
            f"{expected}.",
        )
    if products.limit_curve is not None and len(products.limit_curve.mass) > 1:
        curve = products.limit_curve
        highest = int(np.argmax(curve.observed / np.maximum(curve.expected[:, 2], 1e-9)))
        add(
            "limits",
            plots.limits(curve, status=status_text(result)),
            "Observed and expected 95 % CLs upper limits on signal events in the file along the mass of the resonance, "
            "from the spectrum before any selection, the background fitted with the signal.",
            f"Limits at {len(curve.mass)} masses from {mass(curve.mass[0])} to {mass(curve.mass[-1])} "
            f"{curve.mass_unit}; the observed one is highest above the expected one at {mass(curve.mass[highest])} "
            f"{curve.mass_unit}.",
        )
    if products.cross_checks:
        shown = "; ".join(f"{check.name.replace('_', ' ')} {sigma(check.z_local)}" for check in products.cross_checks)
        add(
            "cross_checks",
            plots.cross_checks(products.cross_checks, reference=products.scan.best_window),
            "What other anomaly scores see in the same window: local significance, with observed and expected events "
            "under each name. They are second opinions; none is chosen because it looks better. A VAE orders events by "
            "how rare they are, and its latent space keeps less of a signal than the observables tell: a low bar there "
            "is no argument against an excess.",
            f"Bar chart of local significances: {shown}.",
        )
    if products.training is not None:
        history = products.training
        last = f" Last total loss: {history.loss[-1]:.4g}." if len(history.loss) else ""
        add(
            "training",
            plots.training(history),
            "Training of the variational autoencoder: total loss per epoch with its reconstruction and "
            "Kullback–Leibler parts. A loss still falling at the end asks for more epochs.",
            f"Loss against epoch over {len(history.loss)} epochs.{last}",
        )


def _models(limits: SignalLimits, status: str, add: Add) -> None:
    for number, curve in enumerate(limits.curves()):
        add(
            "model_limits" if not number else f"model_limits_{number + 1}",
            plots.limits(curve, status=status),
            "Observed and expected 95 % CLs upper limits on signal models, the search trained anew with each signal "
            f"injected. {curve.label or 'Each mass with daughters of its own'}.",
            f"Limits at {len(curve.mass)} masses from {mass(curve.mass[0])} to {mass(curve.mass[-1])} GeV.",
        )
    for plane in limits.planes():
        add(
            f"limit_plane_{plane.m_resonance:.0f}",
            plots.limit_plane(plane, status=status),
            "The same against the masses of the daughters: observed limits as colour and numbers, expected ones in "
            "brackets.",
            f"Limits at {len(plane.m_x)} pairs of daughters of a resonance at {mass(plane.m_resonance)} GeV.",
        )
