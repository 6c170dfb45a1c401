"""The error function, which NumPy lacks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Rational approximations of erf by interval, good to 1 ulp of double precision: the coefficients
# of W. J. Cody's scheme as tabulated in the freely redistributable FDLIBM (s_erf.c, Sun, 1993).
_NEAR_P = (1.28379167095512558561e-01, -3.25042107247001499370e-01, -2.84817495755985104766e-02,
           -5.77027029648944159157e-03, -2.37630166566501626084e-05)  # fmt: skip
_NEAR_Q = (1.0, 3.97917223959155352819e-01, 6.50222499887672944485e-02, 5.08130628187576562776e-03,
           1.32494738004321644526e-04, -3.96022827877536812320e-06)  # fmt: skip
_ONE_AT = 8.45062911510467529297e-01
_ONE_P = (-2.36211856075265944077e-03, 4.14856118683748331666e-01, -3.72207876035701323847e-01,
          3.18346619901161753674e-01, -1.10894694282396677476e-01, 3.54783043256182359371e-02,
          -2.16637559486879084300e-03)  # fmt: skip
_ONE_Q = (1.0, 1.06420880400844228286e-01, 5.40397917702171048937e-01, 7.18286544141962662868e-02,
          1.26171219808761642112e-01, 1.36370839120290507362e-02,
          1.19844998467991074170e-02)  # fmt: skip
_MID_P = (-9.86494403484714822705e-03, -6.93858572707181764372e-01, -1.05586262253232909814e+01,
          -6.23753324503260060396e+01, -1.62396669462573470355e+02, -1.84605092906711035994e+02,
          -8.12874355063065934246e+01, -9.81432934416914548592e+00)  # fmt: skip
_MID_Q = (1.0, 1.96512716674392571292e+01, 1.37657754143519042600e+02, 4.34565877475229228821e+02,
          6.45387271733267880336e+02, 4.29008140027567833386e+02, 1.08635005541779435134e+02,
          6.57024977031928170135e+00, -6.04244152148580987438e-02)  # fmt: skip
_FAR_P = (-9.86494292470009928597e-03, -7.99283237680523006574e-01, -1.77579549177547519889e+01,
          -1.60636384855821916062e+02, -6.37566443368389627722e+02, -1.02509513161107724954e+03,
          -4.83519191608651397019e+02)  # fmt: skip
_FAR_Q = (1.0, 3.03380607434824582924e+01, 3.25792512996573918826e+02, 1.53672958608443695994e+03,
          3.19985821950859553908e+03, 2.55305040643316442583e+03, 4.74528541206955367215e+02,
          -2.24409524465858183362e+01)  # fmt: skip


def _ratio(t: np.ndarray, p: Sequence[float], q: Sequence[float]) -> np.ndarray:
    """p(t) / q(t), coefficients from the constant term up."""
    return np.polyval(p[::-1], t) / np.polyval(q[::-1], t)


def _tail(a: np.ndarray, p: Sequence[float], q: Sequence[float]) -> np.ndarray:
    """erf(a) for a >= 1.25 as 1 - exp(-a²) * …, with a² split so that exp loses no digits."""
    head = a.astype(np.float32).astype(np.float64)
    correction = (head - a) * (head + a) + _ratio(1 / (a * a), p, q)
    return 1 - np.exp(-head * head - 0.5625) * np.exp(correction) / a


def erf(x: np.ndarray) -> np.ndarray:
    """The error function, elementwise, computed in float64 whatever the type of `x`."""
    x = np.asarray(x, np.float64)
    a = np.minimum(np.abs(x), 6.0)
    with np.errstate(all="ignore"):
        result = np.select(
            [a < 0.84375, a < 1.25, a < 1 / 0.35, a == a],
            [
                a + a * _ratio(a * a, _NEAR_P, _NEAR_Q),
                _ONE_AT + _ratio(a - 1, _ONE_P, _ONE_Q),
                _tail(a, _MID_P, _MID_Q),
                _tail(a, _FAR_P, _FAR_Q),
            ],
            default=np.nan,
        )
    return np.copysign(result, x)
