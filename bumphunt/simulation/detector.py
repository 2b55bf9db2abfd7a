"""A parametric detector: propagation in the field, tracker, two calorimeters, energy flow.

Modelled on the published parameters of the CMS card of Delphes 3 (arXiv:1307.6346, whose section 3
describes the energy-flow rule), which the LHC Olympics samples went through. All particles of all
events are handled at once in flat arrays.
"""

from dataclasses import dataclass

import awkward as ak
import numpy as np
import numpy.typing as npt

from bumphunt.simulation.calorimeter import Calorimeter, ecal_cells, energy_flow, hcal_cells

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_BENDING = 0.299792458  # GeV / (T m)
_CHARGES = {
    11: -1,
    13: -1,
    15: -1,
    211: 1,
    321: 1,
    2212: 1,
    3112: -1,
    3222: 1,
    3312: -1,
    3334: -1,
    411: 1,
    431: 1,
    521: 1,
}
_ELECTRON, _MUON, _PHOTON = 11, 13, 22
_EARLY = (310, 3122)
_EARLY_FRACTION = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracker:
    """Efficiency and resolution of one kind of track.

    Parameters
    ----------
    efficiency : tuple
        For each region (|eta| up to 1.5, up to 2.5): efficiency for pT of 0.1-1, 1-100 and above 100 GeV.
    resolution : tuple
        For each region (|eta| up to 0.5, 1.5, 2.5): ``(a, b)`` of sigma(pT)/pT = sqrt(a^2 + (b pT/GeV)^2).
    """

    efficiency: tuple[tuple[float, float, float], tuple[float, float, float]]
    resolution: tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

    def efficiency_at(self, pt: FloatArray, eta: FloatArray) -> FloatArray:
        """Return the efficiency at pT (GeV) and at the pseudorapidity of the calorimeter surface."""
        table = np.array([*self.efficiency, (0.0, 0.0, 0.0)])
        values = table[np.digitize(np.abs(eta), [1.5, 2.5], right=True), np.digitize(pt, [1.0, 100.0], right=True)]
        return np.where(pt > 0.1, values, 0.0)

    def resolution_at(self, pt: FloatArray, eta: FloatArray) -> FloatArray:
        """Return sigma(pT)/pT."""
        table = np.array(self.resolution)[np.minimum(np.digitize(np.abs(eta), [0.5, 1.5], right=True), 2)]
        relative: FloatArray = np.hypot(table[..., 0], table[..., 1] * pt)
        return relative


_HADRONS = Tracker(
    efficiency=((0.70, 0.95, 0.95), (0.60, 0.85, 0.85)),
    resolution=((0.06, 1.3e-3), (0.10, 1.7e-3), (0.25, 3.1e-3)),
)
_ELECTRONS = Tracker(
    efficiency=((0.73, 0.95, 0.99), (0.50, 0.83, 0.90)),
    resolution=((0.03, 1.3e-3), (0.05, 1.7e-3), (0.15, 3.1e-3)),
)
_MUONS = Tracker(
    efficiency=((0.75, 0.99, 0.99), (0.70, 0.98, 0.98)),
    resolution=((0.01, 1.0e-4), (0.015, 1.5e-4), (0.025, 3.5e-4)),
)
_ECAL = Calorimeter(
    noise=0.40,
    stochastic=0.11,
    constant=0.008,
    forward_stochastic=2.08,
    forward_constant=0.107,
    forward_from=2.5,
    shaped=True,
    energy_min=0.5,
    significance_min=2.0,
)
_HCAL = Calorimeter(
    noise=0.0,
    stochastic=1.50,
    constant=0.050,
    forward_stochastic=2.70,
    forward_constant=0.130,
    forward_from=3.0,
    shaped=False,
    energy_min=1.0,
    significance_min=1.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorResponse:
    """Numbers that describe the detector; a shifted detector is the same class with other numbers.

    ``radius`` and ``half_length`` in m bound the tracker, ``magnetic_field`` in T; ``energy_scale`` multiplies
    what the calorimeters measure.
    """

    radius: float = 1.29
    half_length: float = 3.0
    magnetic_field: float = 3.8
    energy_scale: float = 1.0
    displaced: bool = True
    hadrons: Tracker = _HADRONS
    electrons: Tracker = _ELECTRONS
    muons: Tracker = _MUONS
    ecal: Calorimeter = _ECAL
    hcal: Calorimeter = _HCAL


def reconstruct(particles: ak.Array, *, response: DetectorResponse, rng: np.random.Generator) -> ak.Array:
    """Return what the detector makes of the visible particles of each event.

    Parameters
    ----------
    particles : awkward.Array
        As from :func:`bumphunt.simulation.pythia.next_particles`.
    response : DetectorResponse
        The detector.
    rng : numpy.random.Generator
        Source of the fluctuations.

    Returns
    -------
    awkward.Array
        Shape (events, var), records ``pt`` (GeV), ``eta``, ``phi``: tracks, photons and neutral
        hadrons after energy flow.
    """
    events = len(particles)
    event = np.repeat(np.arange(events, dtype=np.int64), np.asarray(ak.num(particles.id)))
    column = {name: np.asarray(ak.flatten(particles[name])) for name in ak.fields(particles)}
    code = np.abs(column["id"])
    charge = _charges(column["id"])
    reached, outer_eta, outer_phi = surface(column, charge, response)
    kept = reached & (np.abs(outer_eta) < 5.0)
    event, code, charge = event[kept], code[kept], charge[kept]
    outer_eta, outer_phi = outer_eta[kept], outer_phi[kept]
    px, py, pz, energy = (column[name][kept] for name in ("px", "py", "pz", "e"))
    pt = np.hypot(px, py)
    eta, phi = np.arcsinh(pz / pt), np.arctan2(py, px)

    measured, resolution = np.zeros_like(pt), np.zeros_like(pt)
    kinds = (
        (response.electrons, code == _ELECTRON),
        (response.muons, code == _MUON),
        (response.hadrons, (code != _ELECTRON) & (code != _MUON)),
    )
    for tracker, chosen in kinds:
        of = chosen & (charge != 0)
        efficiency = tracker.efficiency_at(pt[of], outer_eta[of])
        relative = tracker.resolution_at(pt[of], outer_eta[of])
        width = np.sqrt(np.log1p(relative**2))
        smeared = pt[of] * np.exp(width * rng.standard_normal(len(width)) - 0.5 * width**2)
        measured[of] = np.where(rng.random(len(width)) < efficiency, smeared, 0.0)
        resolution[of] = relative
    track = measured > 0

    # K0S and Lambda that reach the calorimeters start to shower in the first
    first = np.where(
        np.isin(code, _EARLY), _EARLY_FRACTION, np.where((code == _ELECTRON) | (code == _PHOTON), 1.0, 0.0)
    )
    second = np.where(code == _MUON, 0.0, 1.0 - first)
    flows = []
    for calorimeter, cells, fraction in (
        (response.ecal, ecal_cells(), first),
        (response.hcal, hcal_cells(), second),
    ):
        cell, hit = cells.index(outer_eta, outer_phi), fraction > 0
        pointing = track & (fraction == 1.0)
        flow = energy_flow(
            calorimeter,
            cells,
            hits=(event[hit], cell[hit], (fraction * energy)[hit]),
            tracks=(event[pointing], cell[pointing], (measured * np.cosh(eta))[pointing], resolution[pointing]),
            scale=response.energy_scale,
            rng=rng,
        )
        measured[pointing] *= flow.track_scale
        flows.append(flow)
    rows = np.concatenate([event[track], *(flow.event for flow in flows)])
    flat = {
        "pt": np.concatenate([measured[track], *(flow.pt for flow in flows)]),
        "eta": np.concatenate([eta[track], *(flow.eta for flow in flows)]),
        "phi": np.concatenate([phi[track], *(flow.phi for flow in flows)]),
    }
    order = np.argsort(rows, kind="stable")
    return ak.unflatten(
        ak.zip({name: value[order] for name, value in flat.items()}), np.bincount(rows, minlength=events)
    )


def _charges(identity: npt.NDArray[np.integer]) -> IntArray:
    codes, inverse = np.unique(identity, return_inverse=True)
    charge = np.array([int(np.sign(code)) * _CHARGES.get(abs(int(code)), 0) for code in codes], dtype=np.int64)
    return charge[inverse]


def surface(
    particles: dict[str, npt.NDArray[np.generic]], charge: IntArray, response: DetectorResponse
) -> tuple[npt.NDArray[np.bool_], FloatArray, FloatArray]:
    """Return which particles leave the tracker, and eta and phi of where they do.

    Particles made beyond the calorimeter's surface (late decays) are not seen.
    """
    px, py, pz = (particles[name] for name in ("px", "py", "pz"))
    x, y, z = (particles[name] if response.displaced else np.zeros_like(px) for name in ("x", "y", "z"))
    pt = np.hypot(px, py)
    phi = np.arctan2(py, px)
    radius, half = response.radius, response.half_length
    reached = (np.hypot(x, y) < radius) & (np.abs(z) < half) & (pt > 1e-4)
    pt = np.maximum(pt, 1e-4)
    slope = pz / pt
    to_endcap = np.where(slope == 0, np.inf, (np.copysign(half, slope) - z) / np.where(slope == 0, 1.0, slope))

    along, across = x * np.cos(phi) + y * np.sin(phi), x * np.sin(phi) - y * np.cos(phi)
    straight = -along + np.sqrt(np.maximum(radius**2 - across**2, 0.0))
    curved = (charge != 0) & (response.magnetic_field > 0)
    r = pt / (_BENDING * np.where(curved, charge, 1) * max(response.magnetic_field, 1e-9))
    centre_x, centre_y = x + r * np.sin(phi), y - r * np.cos(phi)
    distance = np.maximum(np.hypot(centre_x, centre_y), 1e-12)
    cosine = (radius**2 - distance**2 - r**2) / (2 * r * distance)
    opening = np.arccos(np.clip(cosine, -1, 1))
    turn = phi + np.arctan2(centre_x, centre_y)
    circle = 2 * np.pi * np.abs(r)
    to_barrel = np.minimum(np.mod(r * (turn - opening), circle), np.mod(r * (turn + opening), circle))
    to_barrel = np.where(np.abs(cosine) <= 1, to_barrel, np.inf)  # loops inside, ends on the end cap
    path = np.minimum(np.where(curved, to_barrel, straight), to_endcap)
    path = np.where(np.isfinite(path), path, 0.0)

    angle = phi - path / r
    out_x = np.where(curved, centre_x - r * np.sin(angle), x + path * np.cos(phi))
    out_y = np.where(curved, centre_y + r * np.cos(angle), y + path * np.sin(phi))
    out_z = z + path * slope
    return reached, np.arcsinh(out_z / np.maximum(np.hypot(out_x, out_y), 1e-6)), np.arctan2(out_y, out_x)
