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
_CHARGE_OF = np.zeros(max(_CHARGES) + 1, dtype=np.int64)
_CHARGE_OF[list(_CHARGES)] = list(_CHARGES.values())
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
    flat_particles = ak.flatten(particles)
    column = {name: np.asarray(flat_particles[name]) for name in ak.fields(particles)}
    code = np.abs(column["id"])
    charge = _charges(column["id"])
    reached, outer_eta, outer_phi = surface(column, charge, response)
    kept = reached & (np.abs(outer_eta) < 5.0)
    event, code, charge = event[kept], code[kept], charge[kept]
    outer_eta, outer_phi = outer_eta[kept], outer_phi[kept]
    px, py, pz, energy = (column[name][kept] for name in ("px", "py", "pz", "e"))
    pt = np.hypot(px, py)

    measured, resolution = np.zeros_like(pt), np.zeros_like(pt)
    kinds = (
        (response.electrons, code == _ELECTRON),
        (response.muons, code == _MUON),
        (response.hadrons, (code != _ELECTRON) & (code != _MUON)),
    )
    for tracker, chosen in kinds:
        of = np.flatnonzero(chosen & (charge != 0))
        true, outer = pt[of], outer_eta[of]
        efficiency = tracker.efficiency_at(true, outer)
        relative = tracker.resolution_at(true, outer)
        width = np.sqrt(np.log1p(relative**2))
        smeared = true * np.exp(width * rng.standard_normal(len(width)) - 0.5 * width**2)
        measured[of] = np.where(rng.random(len(width)) < efficiency, smeared, 0.0)
        resolution[of] = relative
    track = np.flatnonzero(measured > 0)
    # only of tracks the direction is measured, that of the other particles is one within their cell
    eta, phi = np.arcsinh(pz[track] / pt[track]), np.arctan2(py[track], px[track])
    to_energy = np.cosh(eta)

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
        leaves = fraction > 0
        hit, place = np.flatnonzero(leaves), np.cumsum(leaves) - 1
        whole = fraction[track] == 1.0
        pointing = track[whole]
        flow = energy_flow(
            calorimeter,
            cells,
            hits=(event[hit], cells.index(outer_eta[hit], outer_phi[hit]), fraction[hit] * energy[hit]),
            # a track that points here left energy here as well, so that it is one of the hits
            tracks=(place[pointing], measured[pointing] * to_energy[whole], resolution[pointing]),
            scale=response.energy_scale,
            rng=rng,
        )
        measured[pointing] *= flow.track_scale
        flows.append(flow)
    rows = np.concatenate([event[track], *(flow.event for flow in flows)])
    flat = {
        "pt": np.concatenate([measured[track], *(flow.pt for flow in flows)]),
        "eta": np.concatenate([eta, *(flow.eta for flow in flows)]),
        "phi": np.concatenate([phi, *(flow.phi for flow in flows)]),
    }
    # a radix sort, for as many events as there are in a batch
    order = np.argsort(rows.astype(np.uint16) if events <= 1 << 16 else rows, kind="stable")
    return ak.unflatten(
        ak.zip({name: value[order] for name, value in flat.items()}), np.bincount(rows, minlength=events)
    )


def _charges(identity: npt.NDArray[np.integer]) -> IntArray:
    code = np.abs(identity)
    known = np.where(code < len(_CHARGE_OF), code, 0)
    charge: IntArray = _CHARGE_OF[known] * np.sign(identity)
    return charge


def surface(
    particles: dict[str, npt.NDArray[np.generic]], charge: IntArray, response: DetectorResponse
) -> tuple[npt.NDArray[np.bool_], FloatArray, FloatArray]:
    """Return which particles leave the tracker, and eta and phi of where they do.

    Particles made beyond the calorimeter's surface (late decays) are not seen.
    """
    px, py, pz, x, y, z = (np.asarray(particles[name], dtype=np.float64) for name in ("px", "py", "pz", "x", "y", "z"))
    if not response.displaced:
        x, y, z = np.zeros((3, len(px)))
    pt = np.hypot(px, py)
    radius, half = response.radius, response.half_length
    reached = (x * x + y * y < radius**2) & (np.abs(z) < half) & (pt > 1e-4)
    pt = np.maximum(pt, 1e-4)
    slope = pz / pt
    to_endcap = np.where(slope == 0, np.inf, (np.copysign(half, slope) - z) / np.where(slope == 0, 1.0, slope))
    curved = (charge != 0) & (response.magnetic_field > 0)

    out_x, out_y, path = np.empty_like(pt), np.empty_like(pt), np.empty_like(pt)
    for chosen in (~curved, curved):
        of = np.flatnonzero(chosen)
        origin, direction = (x[of], y[of]), (px[of] / pt[of], py[of] / pt[of])
        if chosen is curved:
            bending = pt[of] / (_BENDING * charge[of] * response.magnetic_field)
            path[of], out_x[of], out_y[of] = _helix(origin, direction, bending, to_endcap[of], radius)
        else:
            path[of], out_x[of], out_y[of] = _straight(origin, direction, to_endcap[of], radius)
    out_z = z + path * slope
    return reached, np.arcsinh(out_z / np.maximum(np.sqrt(out_x**2 + out_y**2), 1e-6)), np.arctan2(out_y, out_x)


def _straight(
    origin: tuple[FloatArray, FloatArray],
    direction: tuple[FloatArray, FloatArray],
    to_endcap: FloatArray,
    radius: float,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the transverse path to barrel or end cap, and x and y at its end."""
    (x, y), (cos, sin) = origin, direction
    along, across = x * cos + y * sin, x * sin - y * cos
    path = np.minimum(np.sqrt(np.maximum(radius**2 - across**2, 0.0)) - along, to_endcap)
    path = np.where(np.isfinite(path), path, 0.0)
    return path, x + path * cos, y + path * sin


def _helix(
    origin: tuple[FloatArray, FloatArray],
    direction: tuple[FloatArray, FloatArray],
    r: FloatArray,
    to_endcap: FloatArray,
    radius: float,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the same along a circle of radius ``r``, which has the sign of the charge."""
    (x, y), (cos, sin) = origin, direction
    centre_x, centre_y = x + r * sin, y - r * cos
    distance = np.maximum(np.sqrt(centre_x**2 + centre_y**2), 1e-12)
    # of the angle at the centre between the particle's position when it crosses the barrel and the beam
    cosine = (radius**2 - distance**2 - r**2) / (2 * r * distance)
    opening = np.arccos(np.clip(cosine, -1, 1))
    turn = np.arctan2(sin, cos) + np.arctan2(centre_x, centre_y)
    # from r * angle modulo the circle the nearest crossing ahead; modulo by hand, since np.mod is slow
    ahead = np.copysign(1.0, r) * turn
    first, second = (_positive(ahead - opening), _positive(ahead + opening))
    to_barrel = np.where(np.abs(cosine) <= 1, np.abs(r) * np.minimum(first, second), np.inf)
    path = np.minimum(to_barrel, to_endcap)  # those that loop inside end on the end cap
    path = np.where(np.isfinite(path), path, 0.0)
    # the direction turned by the path: no angle is needed for that but the one turned by
    turned = path / r
    cos_turned, sin_turned = np.cos(turned), np.sin(turned)
    out_x = centre_x - r * (sin * cos_turned - cos * sin_turned)
    out_y = centre_y + r * (cos * cos_turned + sin * sin_turned)
    return path, out_x, out_y


def _positive(angle: FloatArray) -> FloatArray:
    """Return the angle between 0 and 2 pi."""
    return angle - 2 * np.pi * np.floor(angle / (2 * np.pi))
