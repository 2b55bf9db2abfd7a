r"""Write every number and table of the paper from the JSON results, into paper/generated/.

    make paper

A number of the paper is the path of an entry in analysis/results: ``\val{injections.m_x.pull_mean}``, of a study
``\val{generated.trained_on}``. A study that has not been run leaves its tables out, and the paper its sections.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

from box_numbers import injections, joint, limits, nulls, power, prior, reach, sculpted
from records import write

import bumphunt
from bumphunt.report.latex import flatten, is_formula, key, macros, measurement, table

RESULTS = Path("analysis/results")
LITERATURE = Path("paper/literature.json")
OUTPUT = Path("paper/generated")
TEXT = Path("paper/main.tex")
QUANTITIES = {
    "m_resonance": "$m_{Z'}$",
    "m_x": "$m_X$",
    "m_y": "$m_Y$",
    "n_signal": "$N_S$",
}
MASS_OF = {"m_resonance": "mjj", "m_x": "mj1", "m_y": "mj2"}
Results = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    files = build(arguments.results)
    arguments.output.mkdir(parents=True, exist_ok=True)
    for old in arguments.output.glob("*.tex"):
        if old.name not in files:
            old.unlink()
    for name, text in files.items():
        write(arguments.output / name, text)
    print(f"{len(files)} files, {files['macros.tex'].count('endcsname{')} numbers in {arguments.output}")


def build(results: Path = RESULTS) -> dict[str, str]:
    """Return the LaTeX files by name: the numbers that the text asks for, and the tables."""
    found = read(results)
    values: dict[str, Any] = {}
    for name, content in found.items():
        values |= dict(flatten(content, name))
    values |= dict(flatten(bumphunt.AnalysisConfig().model_dump(), "config"))
    values |= derived(found)
    asked = set(re.findall(r"\\(?:if)?val\{([^}#]+)\}", TEXT.read_text("utf-8")))
    files = {"macros.tex": macros({path: v for path, v in values.items() if asked & {path, f"{path}.percent"}})}
    makers = {
        "table_box": box_table,
        "table_published": published_table,
        "table_test": test_table,
        "table_injections": injections_table,
        "table_cwola": cwola_table,
        "table_generation": generation_table,
        "table_classifiers": classifiers_table,
        "table_comparison": comparison_table,
    }
    for name, make in makers.items():
        made = make(found)
        if made:
            files[f"{name}.tex"] = made + "\n"
    return files


ORIGIN = ("commit", "config", "seed", "command", "origin")
"""Where a result comes from, which is no number of the paper."""


def read(results: Path) -> Results:
    """Return what every JSON of results holds, by the name of its file; of studies their numbers."""
    found: Results = {"literature": json.loads(LITERATURE.read_text("utf-8"))}
    for path in sorted(results.glob("*.json")):
        stored = json.loads(path.read_text("utf-8"))
        found[path.stem] = {name: value for name, value in stored.items() if name not in ORIGIN}
    for path in sorted((results / "studies").glob("*.json")):
        record = json.loads(path.read_text("utf-8"))
        if not record["quick"]:
            found[path.stem] = {**record["numbers"], "seconds": record["seconds"]}
    for study in found.get("null_experiments", {}).values():
        del study["z_local"]
    if "fidelity" in found:
        found["fidelity"] = fidelity(found["fidelity"])
    if found.get("blackbox", {}).get("truth") and "spectrum_after" in found:
        found["blackbox"]["package"] = last_box(found["blackbox"]["truth"], found["spectrum_after"])
    found |= {"power": power(results), "nulls": nulls(results), "limits": limits(results), "prior": prior(results)}
    found["reach"] = reach(results)
    found |= {"joint": joint(results), "sculpted": sculpted(results)}
    found["injections"] = {name: injections(results, name) for name in ("nominal", "drawn")}
    found["injections"] |= {"background_per_box": 100_000, "signal_per_box": 300, "points": 12}
    return found


def last_box(truth: Results, stored: Results) -> Results:
    """Return the answers of the last run of the black box, of which the selected spectrum was stored."""
    fit = stored["mass_fit"] or {}
    package = {name: [fit[name][end] for end in ("low", "value", "high")] for name in QUANTITIES if fit.get(name)}
    pulls = {
        name: (value - truth[name]) / (high - value if truth[name] > value else value - low)
        for name, (low, value, high) in package.items()
    }
    return {"z_global": stored["z_global"], "version": stored["version"], "pulls": pulls, **package}


def fidelity(content: Results) -> Results:
    """Return the largest distance of each kind among the masses and the leading momentum, with what chance gives."""
    largest: Results = {}
    for kind in ("background", "signal"):
        rows = [row for row in content["distances"] if row["kind"] == kind and row["window"] is None]
        rows = [row for row in rows if row["name"] in ("mjj", "mj1", "mj2", "ptj_lead")]
        worst = max(rows, key=lambda row: row["ks"])
        largest[kind] = {"ks": worst["ks"], "noise": worst["noise"], "name": worst["name"]}
    return {"largest": largest, "transfer": content["transfer"]}


def derived(found: Results) -> dict[str, str]:
    """Return intervals and positions of peaks as formulas, which no single entry of a JSON is."""
    made: dict[str, str] = {}
    for study in ("blackbox", "lhco_truth"):
        package = found.get(study, {}).get("package") or {}
        for name in QUANTITIES:
            if package.get(name):
                low, value, high = package[name][:3]
                made[key(study, "package", name)] = measurement(value, low, high)
    for name, (value, spread) in followed(found).items():
        made[key("blackbox", "seed_way", name)] = spreading(value, spread)
    for name in MASS_OF:
        value, spread = found["literature"]["report"][name]
        made[key("literature", "report", name)] = rf"${value:g} \pm {spread:g}$"
        truth = found["literature"]["box_one"][name]
        made[key("literature", "report_pull", name)] = f"{abs(value - truth) / spread:.1f}"
    if "generation_speed" in found:
        rows = found["generation_speed"]["rows"]
        for theirs, ours, text in ((rows[0], rows[1], "all"), (rows[2], rows[3], "many")):
            made[key("generation_speed", "ratio", text)] = f"{theirs['seconds'] / ours['seconds']:.1f}"
    return made


def followed(found: Results) -> dict[str, list[float]]:
    box = found.get("blackbox")
    return {} if box is None else {name: box["seed"][box["followed"]][name] for name in MASS_OF}


def spreading(value: float, spread: float) -> str:
    return rf"${value:.0f} \pm {spread:.0f}$"


def box_table(found: Results) -> str | None:
    """Return the report's procedure, this package and truth, for the box of this repository."""
    box = found.get("blackbox")
    if box is None or not box.get("package") or not box.get("truth"):
        return None
    seed, package, truth = followed(found), box["package"], box["truth"]
    rows = []
    for name, symbol in QUANTITIES.items():
        answer = package.get(name)
        rows.append(
            [
                symbol + (" [GeV]" if name in MASS_OF else ""),
                spreading(*seed[name]) if name in seed else "--",
                measurement(answer[1], answer[0], answer[2]) if answer else "not given",
                float(truth[name]),
                signed(package["pulls"][name]) if answer else "--",
            ]
        )
    return table(["", "the report's procedure", "this package", "truth", "pull"], loose(rows))


def published_table(found: Results) -> str:
    """Return what Vaupotič's report gave for the Olympics' first black box, and the truth published later."""
    literature = found["literature"]
    rows = []
    for name in MASS_OF:
        value, spread = literature["report"][name]
        truth = literature["box_one"][name]
        rows.append(
            [QUANTITIES[name] + " [GeV]", rf"${value:g} \pm {spread:g}$", truth, signed((value - truth) / spread)]
        )
    return table(["", "report", "truth", "off by (its own errors)"], loose(rows))


def test_table(found: Results) -> str | None:
    """Return positions of the peaks on the test data beside the package's answers and the truth."""
    study = found.get("lhco_truth")
    if study is None:
        return None
    package = study.get("package") or {}
    rows = []
    for name, symbol in QUANTITIES.items():
        cells: list[Any] = [symbol + (" [GeV]" if name in MASS_OF else "")]
        for ratio in ("10 %", "0.1 %"):
            peak = study[ratio]["peaks"].get(MASS_OF.get(name, ""))
            cells.append(spreading(*peak[:2]) if peak else "--")
        answer = package.get(name)
        cells.append(measurement(answer[1], answer[0], answer[2]) if answer else "not given")
        truth = study["10 %"]["peaks"][MASS_OF[name]][2] if name in MASS_OF else study["0.1 %"]["signal"]
        rows.append([*cells, float(truth)])
    return table(["", "peak, S/B 10 %", "peak, S/B 0.1 %", "this package, 0.1 %", "truth"], loose(rows))


def injections_table(found: Results) -> str:
    """Return pulls and coverage of injected signals: statistical intervals, and whole ones for drawn detectors."""
    sides, rows = [found["injections"][name] for name in ("nominal", "drawn")], []
    for name, symbol in QUANTITIES.items():
        cells = []
        for side in sides:
            one = side[name]
            inside = f"{one['inside']} of {side['verified']}"
            cells += [signed(one["mean"]), f"{one['width']:.2f}", inside, share(one["error"], 1)]
        rows.append([symbol, *cells])
    return table(["", *["mean pull", "width", "covered", "median error"] * 2], rows)


def cwola_table(found: Results) -> str | None:
    """Return the largest significance improvement of weakly supervised and supervised trees."""
    study = found.get("cwola_quality")
    if study is None:
        return None
    methods = {
        "cwola4": "CWoLa, four features",
        "supervised4": "supervised, four features",
        "cwola8": "CWoLa, eight features",
        "supervised8": "supervised, eight features",
        "cwola4_as_it_is": "CWoLa, trees as they come",
        "cwola4_noise10": "CWoLa, four features and ten of noise",
    }
    sizes = [study["labelled"], study["million"]]
    rows = [
        [text, *(f"{size[method]['max_sic'][0]:.1f}" if method in size else "--" for size in sizes)]
        for method, text in methods.items()
    ]
    head = ["", *(f"{size['signal_in_region']} signal in {size['background_in_region']}" for size in sizes)]
    return table(head, rows)


def generation_table(found: Results) -> str | None:
    """Return the closeness of generated events, way by way."""
    study = found.get("generated")
    if study is None:
        return None
    rows = [
        [name, f"{one['largest_ks']:.3f}", f"{one['mean_ks']:.3f}", f"{one['auc']:.3f}"]
        for name, one in study["closeness"].items()
    ]
    return table(["way of drawing", "largest KS", "mean KS", "classifier AUC"], rows)


def classifiers_table(found: Results) -> str | None:
    """Return supervised references on labelled jets."""
    study = found.get("classifiers")
    if study is None:
        return None
    rows = [
        [
            name,
            f"{one['auc']:.3f}",
            f"{one['log_loss']:.3f}" if "log_loss" in one else "--",
            f"{one['max_sic']:.1f}",
        ]
        for name, one in study["models"].items()
    ]
    return table(["model", "AUC", "log loss", "max SIC"], rows)


def comparison_table(found: Results) -> str:
    """Return published figures and those measured here, each with what it was measured on."""
    literature = found["literature"]
    on = f"R&D set, {literature['cathode']['signal']} signal in the window"
    rows: list[list[Any]] = [
        ["CATHODE, arXiv:2109.00546", on, "max SIC", literature["cathode"]["max_sic"]],
        ["CWoLa, ibid.", on, "max SIC", literature["cwola"]["max_sic"]],
        ["ANODE, ibid.", on, "max SIC", literature["anode"]["max_sic"]],
        [
            "CWoLa hunting, arXiv:2104.02092",
            f"R&D set, {literature['hunting']['signal']} in {literature['hunting']['events'] // 1000} k",
            "local significance",
            f"{literature['hunting']['selected_sigma']:g} σ",
        ],
    ]
    study = found.get("lhco_truth")
    if study is not None:
        for ratio in ("10 %", "0.1 %"):
            best = max(study[ratio]["max_sic"].items(), key=lambda item: item[1] or 0.0)
            rows.append(["the report's VAE, here", f"simulated, S/B {ratio}, {best[0].replace('log_var', 'log σ²')}",
                         "max SIC", f"{best[1]:.1f}"])  # fmt: skip
        package = study.get("package") or {}
        if package:
            rows.append(
                [
                    "this package, first search",
                    "simulated, S/B 0.1 %",
                    "global significance",
                    f"{package['z_global']:.1f} σ",
                ]
            )
    box = (found.get("blackbox") or {}).get("package")
    if box:
        rows.append(
            [
                "this package, both searches",
                "black box of this repository",
                "global significance",
                f"{box['z_global']:.1f} σ",
            ]
        )
    models = (found.get("classifiers") or {}).get("models")
    if models:
        trees = models["boosted trees"]["max_sic"]
        rows.append(["supervised trees, here", "simulated, trained on truth", "max SIC", f"{trees:.1f}"])
    return table(["who", "on", "figure of merit", "value"], rows, columns="llll")


def loose(rows: list[list[Any]]) -> list[list[Any]]:
    """Return rows in which a unit stands behind a formula: it is made part of it."""
    return [
        [cell.replace("$ [GeV]", r"\;[\mathrm{GeV}]$") if isinstance(cell, str) and not is_formula(cell) else cell
         for cell in row] for row in rows
    ]  # fmt: skip


def signed(value: float) -> str:
    return f"${value:+.1f}$"


def share(value: float, places: int = 0) -> str:
    return f"{100 * value:.{places}f} %"


if __name__ == "__main__":
    main()
