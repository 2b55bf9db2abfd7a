"""Named samples: how many events, which masses, which detector and shower."""

from bumphunt.simulation.detector import DetectorResponse
from bumphunt.simulation.request import Sample


def towards_shifted(part: float) -> tuple[DetectorResponse, tuple[str, ...]]:
    """Return detector and shower ``part`` of the way from the nominal to those of ``shifted``, also beyond or back.

    At 1 calorimeters measure 3 % too little, and the shower is softer: alpha_S 0.127 where Pythia's default is 0.1365,
    about what two tunes differ by.

    Examples
    --------
    >>> towards_shifted(-1.0)[1]
    ('TimeShower:alphaSvalue = 0.146',)
    """
    return DetectorResponse(energy_scale=1.0 - 0.03 * part), (
        f"TimeShower:alphaSvalue = {0.1365 - 0.0095 * part:.10g}",
    )


SHIFTED_DETECTOR, SHIFTED_SHOWER = towards_shifted(1.0)

PRESETS: dict[str, Sample] = {
    "lhco-rnd": Sample(background=1_000_000, signal=100_000, masses=(3500.0, 500.0, 100.0)),
    "blackbox-like": Sample(background=999_166, signal=834, masses=(3823.0, 732.0, 378.0), hide_truth=True),
    "empty-box": Sample(background=1_000_000, signal=0, hide_truth=True),
    "shifted": Sample(
        background=999_166,
        signal=834,
        masses=(3823.0, 732.0, 378.0),
        hide_truth=True,
        detector=SHIFTED_DETECTOR,
        shower=SHIFTED_SHOWER,
    ),
    "blackbox3-like": Sample(
        background=996_800,
        signal=3_200,
        masses=(4200.0, 2217.0, 30.0),
        hide_truth=True,
        dijet=0.375,
    ),
}
"""The samples of the LHC Olympics by resemblance; ``shifted`` has another detector and shower, ``blackbox3-like`` a
resonance of two decay modes: to two jets, and through a lighter resonance to three."""
