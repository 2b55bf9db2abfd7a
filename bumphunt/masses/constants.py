"""Every number of the mass fit that shapes its answer or its time: what it is, and why it is what it is.

Tables on which something is only evaluated (grids, quantiles) stand where they are used. Masses are in GeV, 'log' is
the natural logarithm.
"""

# --- What is assumed of the detector, as errors of the answers

WIDTH_PRIOR = 0.2
"""Prior uncertainty of the logarithms of the mass resolutions: a detector twice as sharp is three of it away."""
TAU21_PRIOR = 0.08
"""Prior uncertainty of the logarithm of the scale of tau21, data over simulation."""
DETECTOR_PRIOR = 0.5
"""One standard deviation of the detector as a part of the difference between the nominal and the varied simulation."""
OFFSET_FOLLOWS = 1.0
"""Part of a jet's offset above its particle's mass that shrinks and grows with the fitted resolution of jet masses."""
OFFSET_PRIOR = 0.25
"""One standard deviation of what is left of that offset, as a part of it: 0.7 percent at 100 GeV, none at 500."""
SCORE_EFFICIENCY_ERROR = 0.10
"""Relative error of the score's efficiency for signal, declared: what is left when the resolutions and the scale of
tau21 have been found in the data."""
SCORE_CUT_PRIOR = 0.4
"""Prior uncertainty of the logarithm of the factor by which a cut on the score is harder for signal of the data than
for simulated signal: a tenth of the efficiency where a cut keeps three quarters of it, a fifth where it keeps half."""
SCORE_EFFICIENCY_LEFT = 0.08
"""Relative error of the efficiency, declared: what is left when that factor has been found in the data as well. Seen on
a sharper detector: 7 percent, because fewer events lie in the core of the jet masses than its resolution says."""
RESPONSE_ERROR = (0.0010, 0.0025, 0.0035, 0.02)
"""Relative errors of m_resonance, m_x, m_y and the efficiency from interpolating a finite simulation, found by fits to
large samples of other masses; part of the statistical intervals, since a test on the same simulation meets them."""
EFFICIENCY_ERROR = 0.03
"""Relative error of an efficiency that is interpolated between simulated points."""

# --- What the fit accepts

MINIMUM_SIDEBAND = 15
"""Selected sideband events below which no background density can be estimated."""
MAX_YIELD_MISMATCH = 0.10
"""Relative difference of fitted and seen events above which a minimum is refused; at a true one they are equal."""
SECOND_WITHIN = 9.0
"""Twice the difference in log likelihood within which another solution is reported."""
LIGHTEST_DAUGHTER = 25.0
"""Least mass of a daughter that is tried, GeV."""
SHARPEST = -1.2
"""Least logarithm of the resolutions over the nominal ones that is tried: six errors of the prior."""
BLUNTEST = 0.7
"""Largest logarithm of the resolutions over the nominal ones that is tried: three and a half errors of the prior."""

# --- Minimum and profile

RESPONSE_SPACING = (0.016, 0.032, 0.032)
"""Spacings, in log mass, of the lattice of masses for which responses are prepared: a third of what changes them."""
SHARED_RESPONSE = 0.13
"""Difference of two daughters, in log mass, up to which both have the response of their mean: one and a half widths."""
HYSTERESIS = 0.75
"""How far, in spacings, masses move from their place of the lattice before another is taken; half would be a tie."""
MAX_ROUNDS = 5
"""Minimisations after which the response is where it is; two are the rule."""
MAX_RESTARTS = 3
"""How often a deeper minimum may be met on the way along a profile."""
LOG_PARAMETER_RANGE = (0.06, 0.10, 0.10, 0.35, 0.35)
"""How far one minimisation may move the logarithms of masses and widths from where it starts."""
MINIMUM_TOLERANCE = 0.005
"""Estimated distance to the minimum at which a minimisation ends, in units of 0.002: 0.3 percent of an error."""
PROFILE_TOLERANCE = 0.1
"""The same along a profile, whose rise is known to 2e-4 by it."""
HALFWAY = (0.15, 0.40)
"""A profile's rise at half of an error over that at the full one, a quarter for a parabola: scanned beyond these."""
SCAN_STEP = 0.25
"""Step of a scanned profile in errors by the curvature."""
SCAN_END = 5.0
"""Its end in errors."""
SCAN_HEIGHT = 4.0
"""Rise, two standard deviations, at which a scan ends."""
MAYBE_EQUAL = 6.0
"""Difference of two daughters over the errors that face each other up to which it is looked at whether they are one
mass: these errors are small where chance has split them."""
DEEPER = 0.02
"""By how much a profile must fall below the minimum for that to have been another one."""
LEAST_VARIANCE = 0.1
"""Least part of a variance that stays when another is taken off."""
SEPARATIONS = 8
"""Steps of expectation-maximisation that take signal's tails off the sidebands; the numbers settle within them."""
QUANTILES = 40
"""Quantiles of each jet's mass over which plain jets are summed."""
POINTS = 4096
"""Points in both jets' masses and mjj over which signal is summed: changes with masses and resolutions are right to
a thousandth."""

# --- The response

CONTAINED = (-0.20, 0.22)
"""Logarithms of jet over particle mass between which a jet is taken to hold its decay and little else ..."""
CONTAINED_EDGE = 0.03
"""... and the width of the transitions."""
JET_CORE = 0.25
"""How far in the log of a jet's mass the core reaches that a sharper or blunter detector changes ..."""
RESONANCE_CORE = 0.15
"""... and in log mjj."""
JET_SCALES = (0.20, 0.006)
"""Distances, in log m_resonance and sqrt(m / m_resonance), over which a jet's response hardly changes."""
PAIR_SCALES = (0.40, 0.015, 0.015)
"""The same for both daughters together; wider, since simulated points in three dimensions lie further apart. How mjj
spreads bends with the masses of daughters: with 0.03 it came out 3 percent too wide, and, since its lower tail is the
longer one, the fitted m_resonance 0.1 percent too high."""
LEAST_POINTS = 6.0
"""Effective number of simulated points that a response is read off; distances grow until there are as many."""
FIRST_KERNEL = 0.012
"""Kernel, in log mass, with which the width of a core is found."""
SMOOTHING = 0.25
"""Kernel of a shape in units of the width of its core: a quarter adds 3 percent to the width."""
WIDEST_KERNEL = 12.0
"""Most by which a kernel is wider in the tails."""
KERNEL_STEP = 0.5
"""Step, in the logarithm (base 2) of the width, of the ladder of kernels."""
MJJ_CLIP = 0.25
"""Largest change of log mjj that counts in the mean pull of a jet."""
MOST_JETS = 25_000
"""Simulated jets from which a jet's shape is made: a percent of it; more would only cost time."""
MOST_EVENTS = 40_000
"""Simulated events in the pool of a response."""
MASS_CLASSES = 10
"""Classes of jet mass in which substructure has its quantiles."""
LOWEST_RATIO = 0.02
"""Least ratio of a jet's mass to its particle's that is kept apart from smaller ones."""
DRAWS = 10_000
"""Signal events drawn to find the acceptance."""
ACCEPTANCE_CELL = 0.015
"""Cell, in log mass, of the table of the acceptance."""
ACCEPTANCE_KERNELS = (0.30, 0.10, 0.04, 0.02)
"""Kernels of the acceptance from coarse to fine: where events are few, the coarser stands."""
ACCEPTANCE_PRIOR = 4.0
"""Events as many as which the coarser kernel counts."""
SHIFT_CORE = 0.15
"""How far in log mass the core reaches by whose mean two detectors are compared."""

# --- Background

BROAD_PART = 0.10
"""Part of the density spread three times wider, so that no event has a vanishing one."""
PLANE_CELL = 0.025
"""Cell, in log mass, of the table of the jet masses of background."""
PLANE_KERNEL_STEP = 0.15
"""Step in the logarithm of the kernels' widths: kernels of like width are smoothed together."""
MOST_FOR_BANDWIDTH = 600
"""Events from which the bandwidth is chosen."""
GROWTH_SLICES = 15
"""Slices of mjj in which quantiles of the jet masses are found."""
GROWTH_FARTHEST = 0.5
"""Largest distance in log mjj along which masses are moved by the parabolas."""
GROWTH_STEP = 0.02
"""Step, in log mjj and log mass, of tables of moved masses."""
GROWTH_POWERS = (0.5, 0.3)
"""Growth of the heavier and the lighter jet mass as powers of mjj where there are no events to learn it from."""

# --- Starts and counts

CROWD_WIDTHS = (0.07, 0.10)
"""Spread of a signal's heavier and lighter jet mass in their logarithms."""
JET_MASS_BIAS = 1.03
"""A jet's mass over its particle's, about."""
MOST_TRIALS = 600
"""Events that are tried as the place of the peak."""
CROWDS_APART = 3.0
"""Distance in widths from which a crowd is another one."""
CROWD_BEHIND = 10.0
"""Log likelihood by which a crowd may fall behind the first and still be tried."""
TAU21_BOX = 2.0
"""Half-size of the box of jet masses in which tau21 is compared, in widths of the core."""
FEWEST_FOR_TAU21 = 10
"""Signal events in the box below which nothing is learned of tau21."""
LARGEST_LOG_SCALE = 0.4
"""Ends of the scan of the logarithm of the scale of tau21: five errors of the prior."""
SCORE_CUTS = (4.0, 2.0, 1.0, 0.5, 0.25)
"""What cuts on the score keep over what that of the mass fit keeps, at which signal of the data is counted."""
LARGEST_CUT_SCALE = 1.4
"""Ends of the scan of the logarithm of the factor on the cut: three and a half errors of the prior."""

# --- What a search chose

PRIOR_CHOICES = 4
"""Numbers that the prior-assisted search chooses where the excess is largest: masses of both daughters, window, cut."""
MOST_CHOICE = 0.75
"""Most that is taken off the square of a number of signal events for it: half of the number."""
CHOICE_ERROR = 0.5
"""Error of what is taken off, as a part of it."""

# --- The scale of jet masses, from jets of background

BACKGROUND_JETS = ((-0.65132, -0.84466, -2.71341), (-0.42827, -0.90268, -3.59552))
"""Mean log(mj / mjj), without its tails, of the heavier and the lighter jet of simulated background: parabolas in
log(mjj / :data:`JET_SCALE_PIVOT`), the highest power first. Made by ``make jet-mass-scale``."""
JET_SCALE_PIVOT = 4000.0
"""GeV."""
BACKGROUND_MJJ = (2900.0, 7000.0)
"""Dijet masses in GeV between which they hold: below, the trigger shapes the jets; above, there are few events."""
JET_SCALE_TRIM = 0.1
"""Part of the events at either end that a mean goes without: jets of hardly any mass, and those of a hard decay."""
FEWEST_BACKGROUND_JETS = 500
"""Events from which the scale is looked at: two percent of it."""
JET_SLICES = 24
"""Slices of mjj, of equal numbers of events, that a parabola is drawn through."""
JET_SCALE_MODELLING = 0.028
"""What shower, quark and gluon fractions and the choice of jets do to log(mj / mjj) of background: half of what a
shower of alpha_S 0.127 instead of 0.1365 does (``make jet-mass-scale``)."""
MAX_JET_SCALE_PULL = 3.0
"""Difference of jet masses of background from simulation, in its errors, at most: beyond, it is not a scale of jet
masses that a detector has, but other jets or another choice of events."""

# --- Checks of masses and yield, declared before any data are seen

MIN_FIT_P_VALUE = 0.001
"""Goodness of fit, at least: one true signal in a thousand fails."""
MAX_SCALE_PULL = 3.0
"""The scale of tau21 and the resolutions, in errors of what is assumed of them, at most."""
MAX_SHARPER_PULL = 5.0
"""Resolutions better than the nominal ones, in errors of what is assumed, at most: they are found in the data, and
masses hold on a detector with cores half as wide (``make other-simulation``)."""
PLAIN_JET = (-3.2, 0.7)
"""Mean and spread of log(mj / m_resonance) of the jet of a quark or gluon, as of those of background (-2.6 and -3.5 for
the heavier and the lighter of two)."""
MIN_PEAKS_OVER_PLAIN = 9.0
"""By how much two peaks describe the data better than plain jets do, in twice the log likelihood, at least: three
errors."""
MOST_LOST = 0.8
"""Part of the jets of either daughter, at most, that lose more than a quarter of its decay: what a fit finds of the
rest is no peak at the particle's mass."""
LOST_BELOW = -0.3
"""Logarithm of jet over particle mass below which more than a quarter of the decay is lost."""
FEW_LOST = 0.25
"""Part of the jets of a daughter, at most, that lose as much of its decay where a limit without fitted masses takes the
decay for held: that of both is, then, in more than half of the events."""
MAX_YIELD_PULL = 3.0
"""Difference of two counts of the same signal in standard deviations, at most."""
MIN_YIELD_SIGNIFICANCE = 2.0
"""The yield over its error downwards, at least: the excess that it belongs to is one of three and more."""
GRID_MARGIN = 0.02
"""How far beyond the simulated masses, in log mass, the response is still taken to hold."""
DOUBTFUL_SCALE_PULL = 1.0
"""Scale of tau21 in errors of what is assumed of it from which another decay is tried: two and three prongs are seven
apart."""
DOUBTFUL_P_VALUE = 0.05
"""Goodness of fit below which another decay is tried."""
JET_MASS_RATIOS = (0.005, 0.5)
"""Ends of the median of (mj1 / mjj): a unit of another power of ten lies far beyond them."""
