"""What the numbers allow for beside statistics: of the masses and the yield, and of the significance."""

import math

from bumphunt.report.formats import MISSING, number, sigma, with_error
from bumphunt.report.tables import Table
from bumphunt.results import Answers, Interval, MassFit, Products

NAMES = ("Resonance [GeV]", "X, heavier daughter [GeV]", "Y, lighter daughter [GeV]", "Signal events in the file")


def parts_table(fit: MassFit) -> Table:
    """Return each answer with the statistical and the systematic part of its interval, as half-widths."""
    values = (fit.m_resonance, fit.m_x, fit.m_y, fit.n_signal)
    rows = []
    for i, (name, value) in enumerate(zip(NAMES, values, strict=True)):
        relative = None if fit.systematic is None or i >= len(fit.systematic) else float(fit.systematic[i])
        rows.append(
            (
                name,
                f"{value.value:.4g}",
                _plus_minus(_statistical(value)),
                MISSING if relative is None else f"{_plus_minus(relative * abs(value.value))} ({100 * relative:.2g} %)",
                _plus_minus(0.5 * (value.high - value.low)),
            )
        )
    return Table(
        caption="Parts of the 68 % intervals, half-widths; the systematic part is that of the detector's scale and "
        "resolution and, for the yield, of the efficiency",
        header=("Quantity", "Value", "Statistical", "Systematic", "Total"),
        rows=tuple(rows),
    )


def sources_table(answers: Answers, products: Products) -> Table | None:
    """Return what the significance and the mass fit allow for, how large it came out, and what it does."""
    rows: list[tuple[str, str, str]] = []
    window, fit = products.scan.best_window, products.mass_fit
    by_prior = answers.search == "prior"
    if window is not None and math.isfinite(window.n_expected):
        rows.append(
            (
                "Background under the window",
                with_error(window.n_expected, window.n_expected_error),
                f"uncertainty of the {'efficiencies in the sidebands' if by_prior else 'fitted curve'}, "
                "part of every significance",
            )
        )
        if math.isfinite(window.n_direct) and not by_prior:
            rows.append(
                (
                    "The same, counted without a fit",
                    with_error(window.n_direct, window.n_direct_error),
                    f"{number(window.estimates_pull, 2)} standard deviations from the fit; a check, not a correction",
                )
            )
        if window.form_family:
            rows.append(
                (
                    "Form of the background",
                    f"{number(window.n_form)} expected with {window.form_family}",
                    f"significance {sigma(window.z_stat)} without and {sigma(window.z_local)} with it",
                )
            )
    if answers.calibration is not None:
        width, mean = (float(answers.calibration.get(name) or math.nan) for name in ("width", "mean"))
        searched = answers.calibration.get("n")
        rows.append(
            (
                "Significances without signal",
                f"width {number(width)}, mean {number(mean, 2)}",
                f"every significance: a mean above 0 taken off, divided by a width above 1; {searched} whole searches"
                if by_prior
                else f"every significance: divided by the width after the mean is taken off; {searched} whole searches",
            )
        )
    if answers.z_spread is not None:
        rows.append(("Division into folds", sigma(answers.z_spread), "spread over single repeats; averaged over"))
    if fit is not None and answers.m_resonance is not None:
        if fit.log_widths is not None and len(fit.log_widths) == 2:
            factors = " and ".join(f"{math.exp(float(part)):.2f}" for part in fit.log_widths)
            rows.append(("Resolutions of mjj and of the jet masses", f"{factors} × nominal", "free in the mass fit"))
        if fit.acceptance_known:
            rows.append(("τ21 of signal, data over simulation", number(fit.tau21_scale), "free in the mass fit"))
        if fit.jet_scale is not None:
            rows.append(
                (
                    "Jet masses of background, data over simulation",
                    f"{100 * math.expm1(fit.jet_scale.log_scale):+.1f} % (known to {100 * fit.jet_scale.error:.1f} %)",
                    f"{100 * math.expm1(fit.jet_scale.applied):+.1f} % taken out of the masses of X and Y"
                    if fit.jet_scale.applied
                    else "nothing taken out of the masses of X and Y",
                )
            )
        rows.append(
            (
                "Efficiency of the selection",
                with_error(fit.efficiency, fit.efficiency_error),
                "turns selected events into those of the file",
            )
        )
    if not rows:
        return None
    return Table(
        caption="What the numbers allow for, and how large it is",
        header=("Source", "Size", "What it does"),
        rows=tuple(rows),
        words=frozenset({1, 2}),
    )


def _statistical(value: Interval) -> float:
    if value.stat_low is None or value.stat_high is None:
        return math.nan
    return 0.5 * (value.stat_high - value.stat_low)


def _plus_minus(half: float) -> str:
    # two digits, without a power of ten
    return f"± {float(f'{half:.2g}'):.6g}" if math.isfinite(half) else MISSING
