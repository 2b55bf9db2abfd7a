"""The report: one HTML file that needs nothing else, drawn from a run's saved results alone."""

import logging
from pathlib import Path
from typing import Any

from bumphunt.files import write_text
from bumphunt.report import exclusions, systematics, tables, wording
from bumphunt.report.figures import draw_figures, given_mass_fit
from bumphunt.report.formats import count
from bumphunt.report.reading import read_limits, read_results
from bumphunt.results import AnalysisResult, Products, SignalLimits

CONTENTS = (
    ("spectra", "Spectra"),
    ("search", "Search"),
    ("masses", "Masses and yield"),
    ("limits", "Upper limits"),
    ("quality", "Quality checks"),
    ("systematics", "Systematics"),
    ("assumptions", "Assumptions"),
    ("opinions", "Cross-checks"),
    ("windows", "Windows"),
    ("record", "Record"),
)

logger = logging.getLogger(__name__)


def write_report(directory: str | Path) -> Path:
    """Draw all figures of a run and write its page.

    Reads ``result.json``, ``products.json`` and, where limits on signal models were set, ``limits.json``; writes
    ``figures/*.pdf``, ``figures/*.png`` and ``report.html``. Figures are part of the page, which loads nothing and runs
    no script.

    Parameters
    ----------
    directory : path-like
        The output directory of a run.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError
        If one of the two files is missing or damaged.
    """
    folder = Path(directory)
    result, products = read_results(folder)
    limits = read_limits(folder)
    if limits is not None and limits.input.get("content") != result.input.get("content"):
        logger.warning("limits.json is of other events than the run and is left out; set limits again")
        limits = None
    pictures = draw_figures(result, products, folder / "figures", limits=limits)
    page = render(result, products, pictures, limits=limits)
    target = write_text(folder / "report.html", page)
    logger.info("wrote %s and %d figures", target, len(pictures))
    return target


def render(
    result: AnalysisResult, products: Products, pictures: dict[str, Any], *, limits: SignalLimits | None = None
) -> str:
    """Return the page as text.

    Parameters
    ----------
    result, products
        What the run found.
    pictures : dict of str to Picture
        From :func:`bumphunt.report.figures.draw_figures`; sections without one say why.
    limits : SignalLimits, optional
        Limits on signal models that stand beside the run.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bumphunt.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    fit = given_mass_fit(result, products)
    source = Path(str(result.input.get("path", "events"))).name or "events"
    n_events = result.input.get("n_events")
    return environment.get_template("report.html.j2").render(
        source=source,
        n_events=count(n_events) if isinstance(n_events, int) else None,
        version=result.versions.get("bumphunt"),
        status=result.answers.status,
        status_words=wording.status_words(result.answers),
        answers=wording.three_answers(result, products),
        warnings=wording.warnings(result),
        n_passed=sum(check.passed for check in result.checks),
        n_checks=len(result.checks),
        pictures=pictures,
        absent=absences(result, products),
        assumptions=result.answers.assumptions,
        quality=wording.quality_lines(result.data_quality),
        contents=CONTENTS,
        searched=products.inclusive.mass_label,
        unit=products.inclusive.mass_unit,
        parts_table=None if fit is None else systematics.parts_table(fit),
        sources_table=systematics.sources_table(result.answers, products),
        looks=wording.looks_note(result),
        searches_table=tables.searches_table(result.answers) if result.answers.per_search else None,
        signals_table=tables.signals_table(result.signals) if result.signals else None,
        model_pictures=[name for name in pictures if name.startswith(("model_limits", "limit_plane_"))],
        models_table=None if limits is None else exclusions.models_table(limits),
        model_notes=[] if limits is None else exclusions.model_notes(limits),
        curve_table=None if products.limit_curve is None else exclusions.curve_table(products.limit_curve),
        window_limits_table=None
        if products.window_limits is None
        else exclusions.windows_table(products.window_limits, unit=products.inclusive.mass_unit),
        prior_limits_table=None
        if products.prior_limits is None
        else exclusions.windows_table(products.prior_limits, unit=products.inclusive.mass_unit),
        answers_table=tables.answers_table(result.answers, daughters=has_daughters(result)),
        masses_table=None if fit is None else tables.masses_table(fit),
        cross_checks_table=tables.cross_checks_table(products.cross_checks) if products.cross_checks else None,
        checks_table=tables.checks_table(result.checks) if result.checks else None,
        global_table=tables.global_table(result.answers, products.scan),
        windows_table=tables.windows_table(products.scan) if products.scan.windows else None,
        provenance_table=tables.provenance_table(result),
        stages_table=tables.stages_table(result.stages),
        config_table=tables.config_table(result.config),
    )


def has_daughters(result: AnalysisResult) -> bool:
    """Tell whether the settings name daughters of the resonance, as those of dijets do."""
    return result.config.get("daughters", "of dijets") is not None


def absences(result: AnalysisResult, products: Products) -> dict[str, str]:
    """Return, for each figure that cannot be drawn, one plain sentence why."""
    none, alone = result.answers.status == "none", not has_daughters(result)
    withheld = "because no excess reached a global significance of 3 σ" if none else "because the fit gave no result"
    if alone:
        withheld = "because the resonance has no daughters whose masses were measured"
    reasons = {
        "spectrum_after": "No spectrum after selection is shown, because no window could be searched.",
        "jet_plane": f"No plane of the daughters' masses is shown, {withheld}."
        if alone
        else "The plane of the jet masses is not shown, because no events were selected in a best window.",
        "peak_scan": "The scan of the peak positions is not shown, because this run did not make one.",
        "mass_fit": f"No mass fit is shown, {withheld}.",
        "limit": "No upper limit is shown, because this run did not compute one.",
        "cross_checks": "No cross-checks are shown, because this run used one score only.",
        "training": "No training history is shown, because this run trained no autoencoder.",
    }
    window, fit = products.scan.best_spectrum, given_mass_fit(result, products)
    if products.scan.best is not None:
        few = "because no window kept enough events for a fit."
        reasons["spectrum_after"] = f"No spectrum after selection is shown, {few}"
    missing = {
        "spectrum_after": window is None or window.fit is None,
        "jet_plane": products.plane is None,
        "peak_scan": products.peak_scan is None,
        "mass_fit": fit is None or not fit.projections,
        "limit": products.limit is None,
        "cross_checks": not products.cross_checks,
        "training": products.training is None,
    }
    return {name: reason for name, reason in reasons.items() if missing[name]}
