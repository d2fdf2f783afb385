"""The gate: new weights take the place of the old ones only where the held-out cases say that nothing gets worse."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np

RESAMPLES, SEED = 2000, 0


class Scores(Protocol):
    """Old against new weights on one held-out case."""

    @property
    def name(self) -> str: ...
    @property
    def dice_before(self) -> float: ...
    @property
    def dice_after(self) -> float: ...
    @property
    def hd95_before(self) -> float: ...
    @property
    def hd95_after(self) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GateLimits:
    """How much worse is still no worse.

    Parameters
    ----------
    dice : float
        The lower bound of the mean change may lie so far below zero.
    hd95 : float
        The lower bound of the mean growth may be so large, px: HD95 jumps with single stray pixels, and only a growth
        that is sure counts.
    fall : float
        No case's Dice may fall by more.
    """

    dice: float = 0.005
    hd95: float = 0.5
    fall: float = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """An accepted mask that does not fit its image, and what seems wrong with it.

    Parameters
    ----------
    name : str
        Of the case.
    what : str
        As it is said.
    mask : str
        Stem of the mask's file in the run, ``<case>-r<revision>``.
    """

    name: str
    what: str
    mask: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One of the gate's questions: passed or not, and the figures in a sentence."""

    passed: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the new weights may be used, and why."""

    adopt: bool
    checks: tuple[Check, ...]

    @property
    def reason(self) -> str:
        """The first thing that speaks against it, or what speaks for it."""
        return next((check.text for check in self.checks if not check.passed), self.checks[0].text)


def lower_bound(changes: Sequence[float]) -> float:
    """Of the mean of paired changes, one-sided 95 %: bootstrap over cases.

    Parameters
    ----------
    changes : sequence of float
        At least one.
    """
    values = np.asarray(changes, float)
    drawn = np.random.default_rng(SEED).integers(0, len(values), (RESAMPLES, len(values)))
    return float(np.percentile(values[drawn].mean(axis=1), 5))


def judge(rows: Sequence[Scores], suspects: Sequence[Suspect] = (), limits: GateLimits | None = None) -> Verdict:
    """Ask all questions.

    Parameters
    ----------
    rows : sequence of Scores
        Of the held-out cases; with none, nothing is adopted.
    suspects : sequence of Suspect
        Among the masks that were trained on.
    limits : GateLimits, optional
    """
    limits = limits or GateLimits()
    checks = []
    if not rows:
        checks.append(Check(passed=False, text="No image is held out, so nobody can say whether it got better."))
    else:
        change = [row.dice_after - row.dice_before for row in rows]
        if not any(change) and all(row.hd95_after == row.hd95_before for row in rows):
            # the best epoch was the start: there is nothing to adopt
            checks.append(Check(passed=False, text="Training found nothing better than the weights in use."))
        bound = lower_bound(change)
        weak = " Few cases: a weak test." if len(rows) < 5 else ""
        text = f"Dice {np.mean(change):+.3f} on {len(rows)} held-out image(s), at least {bound:+.3f} (95 %).{weak}"
        checks.append(Check(passed=bound >= -limits.dice, text=text))
        growth = [row.hd95_after - row.hd95_before for row in rows]
        least = lower_bound(growth)
        text = f"HD95 {np.mean(growth):+.1f} px, at least {least:+.1f} (95 %)."
        checks.append(Check(passed=least <= limits.hd95, text=text))
        worst = min(rows, key=lambda row: row.dice_after - row.dice_before)
        fall = worst.dice_before - worst.dice_after
        text = (
            f"'{worst.name}' falls by {fall:.3f}, more than {limits.fall}."
            if fall > limits.fall
            else f"No image falls by more than {limits.fall}."
        )
        checks.append(Check(passed=fall <= limits.fall, text=text))
    if suspects:
        names = "; ".join(f"'{suspect.name}' {suspect.what}" for suspect in suspects[:5])
        advice = "Look again, correct what is wrong, and accept them once more."
        text = f"{len(suspects)} accepted mask(s) do not fit their image: {names}. {advice}"
        checks.append(Check(passed=False, text=text))
    else:
        checks.append(Check(passed=True, text="All accepted masks fit their images."))
    return Verdict(adopt=all(check.passed for check in checks), checks=tuple(checks))


def verdict_json(rows: Sequence[Scores], verdict: Verdict, suspects: Sequence[Suspect] = ()) -> str:
    """Figures, verdict and suspects, for the project's record."""
    keys = ("name", "dice_before", "dice_after", "hd95_before", "hd95_after")
    cases = [{key: getattr(row, key) for key in keys} for row in rows]
    return json.dumps({"cases": cases, **asdict(verdict), "suspects": [asdict(one) for one in suspects]})
