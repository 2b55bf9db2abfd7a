"""What the numbers allow for beside statistics: of the masses and the yield, and of the significance."""

import math

from bumphunt.report.formats import MISSING, count, number, sigma, with_error
from bumphunt.report.tables import CUT_SCALE, Table
from bumphunt.results import Answers, Interval, MassFit, Products, WindowResult

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
    by_prior = _finder(answers) == "prior"
    if window is not None and math.isfinite(window.n_expected):
        rows += _background_of_prior(window) if by_prior else _background(window)
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
        if fit.cut_scale_error is not None:
            found = with_error(fit.cut_scale, fit.cut_scale * fit.cut_scale_error)
            rows.append((CUT_SCALE, found, "free in the efficiency, by signal at harder and looser cuts"))
        if fit.choice:
            rows.append(
                (
                    "Masses, window and cut chosen where most events pass",
                    f"{100 * fit.choice:.0f} %",
                    "taken off the number of signal events, half of it in its error",
                )
            )
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


def _finder(answers: Answers) -> str | None:
    """Return the search that the best window is of, also where nothing is claimed."""
    if answers.search is not None or not answers.per_search:
        return answers.search
    return max(answers.per_search, key=lambda name: answers.per_search[name].get("z_global", -math.inf))


def _background(window: WindowResult) -> list[tuple[str, str, str]]:
    """Return both estimates of the background, their difference, and what another form of it would expect."""
    rows = [
        (
            "Background under the window",
            with_error(window.n_expected, window.n_expected_error),
            "uncertainty of the fitted curve, part of every significance",
        )
    ]
    if math.isfinite(window.n_direct):
        rows.append(
            (
                "The same, counted without a fit",
                with_error(window.n_direct, window.n_direct_error),
                f"{_difference(window.n_direct, window.n_expected)}, {number(window.estimates_pull, 2)} standard "
                "deviations from the fit; a check, not a correction",
            )
        )
    if window.form_family and math.isfinite(window.n_form):
        taken = f"significance {sigma(window.z_stat)} without and {sigma(window.z_local)} with it"
        more = window.n_form > window.n_expected
        rows.append(
            (
                "Form of the background",
                f"{_events(window.n_form)} expected with {window.form_family}",
                f"{_difference(window.n_form, window.n_expected)}: the largest of the forms that describe the "
                f"spectrum before the cut; {taken}"
                if more
                else "no other form that describes the spectrum before the cut expects more; nothing is taken off",
            )
        )
    return rows


def _background_of_prior(window: WindowResult) -> list[tuple[str, str, str]]:
    """Return the estimate behind the prior's significance, and that of a fitted form, which is a check of it."""
    name = "Background under the window"
    what = "uncertainty of the efficiencies in the sidebands, part of every significance"
    form = (
        "Form of the background",
        "none",
        "no form is fitted for this significance: the efficiency of the cut follows a parabola in log mjj, "
        "and permutations of the masses are its null; ",
    )
    if not math.isfinite(window.n_direct):
        return [
            (name, with_error(window.n_expected, window.n_expected_error), what),
            (*form[:2], form[2] + "nothing is taken off"),
        ]
    return [
        (name, with_error(window.n_direct, window.n_direct_error), what),
        (
            "The same, by a form fitted to what is selected",
            with_error(window.n_expected, window.n_expected_error),
            f"{_difference(window.n_expected, window.n_direct)}, {number(abs(window.estimates_pull), 2)} standard "
            "deviations; a check, not a correction",
        ),
        (*form[:2], form[2] + "what a fitted one expects differs as said above; nothing is taken off"),
    ]


def _difference(other: float, nominal: float) -> str:
    return f"{'+' if other >= nominal else '−'}{_events(abs(other - nominal))} events"


def _events(number_of_events: float) -> str:
    return count(number_of_events) if number_of_events >= 1000.0 else f"{number_of_events:.1f}"


def _statistical(value: Interval) -> float:
    if value.stat_low is None or value.stat_high is None:
        return math.nan
    return 0.5 * (value.stat_high - value.stat_low)


def _plus_minus(half: float) -> str:
    # two digits, without a power of ten
    return f"± {float(f'{half:.2g}'):.6g}" if math.isfinite(half) else MISSING
