"""The gate: a new network takes the place of the old one only where the held-out cases say that nothing gets worse."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np

from napari_medseg.words import tr, trn

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
    @property
    def as_proposed(self) -> bool: ...


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
    much : float
        Where the mean Dice surely rises by so much, a growth of HD95 counts no more: what the old network hardly found
        had few rims that could be off.
    fall : float
        No case's Dice may fall by more.
    """

    dice: float = 0.005
    hd95: float = 0.5
    much: float = 0.10
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
    """One of the gate's questions, with the figures in a sentence.

    Parameters
    ----------
    passed : bool or None
        None: nobody can say.
    text : str
    """

    passed: bool | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the new weights may be used, and why."""

    adopt: bool
    checks: tuple[Check, ...]

    @property
    def asks(self) -> bool:
        """Whether nothing speaks against the new weights, and nothing for them: a person has to say."""
        found = {check.passed for check in self.checks}
        return None in found and False not in found

    @property
    def reason(self) -> str:
        """The first thing that speaks against it, or that nobody can say, or what speaks for it."""
        wrong = [check for wanted in (False, None) for check in self.checks if check.passed is wanted]
        return (wrong or self.checks)[0].text


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

    On a case that was accepted as proposed the reference is a network's own mask: mostly the old one's, whose Dice is
    then 1 whatever it is worth. A new network can only lose there. Such a case tells of harm, by a fall beyond the
    limit, and of nothing else: means and bounds are those of the corrected ones.

    Parameters
    ----------
    rows : sequence of Scores
        Of the held-out cases. With none that a person corrected, nobody can say, and nothing is adopted by itself.
    suspects : sequence of Suspect
        Among the masks that were trained on.
    limits : GateLimits, optional
    """
    limits = limits or GateLimits()
    corrected = [row for row in rows if not row.as_proposed]
    checks = _gain(corrected, len(rows) - len(corrected), limits) if corrected else [_nobody(len(rows))]
    if rows:
        checks.append(_harm(rows, limits))
    checks.append(_fitting(suspects))
    return Verdict(adopt=all(check.passed for check in checks), checks=tuple(checks))


def _fitting(suspects: Sequence[Suspect]) -> Check:
    """Do the masks that were learned from fit their images?"""
    if not suspects:
        return Check(passed=True, text=tr("All accepted masks fit their images."))
    names = "; ".join(f"'{suspect.name}' {suspect.what}" for suspect in suspects[:5])
    text = trn(
        "{n} accepted mask does not fit its image: {names}. Look again, correct what is wrong, and accept once more "
        "what is right.",
        "{n} accepted masks do not fit their images: {names}. Look again, correct what is wrong, and accept once more "
        "what is right.",
        len(suspects),
        names=names,
    )
    return Check(passed=False, text=text)


def _nobody(judges: int) -> Check:
    if not judges:
        text = tr("No image was kept for testing, so nobody can say whether the new network is better.")
        see = tr("Use it and propose on an image that it did not learn from; any earlier one can be used again.")
    else:
        text = trn(
            "{n} test image accepted as proposed and none corrected: nobody can say which network is better, since "
            "this mask is a network's own.",
            "{n} test images accepted as proposed and none corrected: nobody can say which network is better, since "
            "these masks are a network's own.",
            judges,
        )
        see = tr("Look at both and decide.")
    return Check(passed=None, text=f"{text} {see}")


def _gain(rows: Sequence[Scores], others: int, limits: GateLimits) -> list[Check]:
    """Is it no worse on what a person corrected?"""
    checks = []
    changes = [row.dice_after - row.dice_before for row in rows]
    growth = [row.hd95_after - row.hd95_before for row in rows]
    if not any(changes) and not any(growth):
        # the best epoch was the start: there is nothing to adopt
        checks.append(Check(passed=False, text=tr("Training found nothing better than the network in use.")))
    before, after = (float(np.mean([getattr(row, name) for row in rows])) for name in ("dice_before", "dice_after"))
    bound = lower_bound(changes)
    sure = bound >= -limits.dice
    said = [
        trn(
            "On {n} test image the new network agrees {how} with you ({before:.2f} to {after:.2f}).",
            "On {n} test images the new network agrees {how} with you ({before:.2f} to {after:.2f}).",
            len(rows),
            how=how(after - before),
            before=before,
            after=after,
        )
    ]
    if not sure:
        said.append(tr("On others it may agree less, by {bound:.3f} (95 %).", bound=-bound))
    if others:
        said.append(
            trn(
                "{n} more, accepted as proposed, can only show harm.",
                "{n} more, accepted as proposed, can only show harm.",
                others,
            )
        )
    if len(rows) < 5:
        said.append(tr("Few images: a weak test."))
    checks.append(Check(passed=sure, text=" ".join(said)))
    before, after = (float(np.mean([getattr(row, name) for row in rows])) for name in ("hd95_before", "hd95_after"))
    least = lower_bound(growth)
    text = tr("Largest edge error {before} px before, {after} after.", before=_px(before), after=_px(after))
    if least > limits.hd95 and len(rows) > 1:
        text += " " + tr("Surely larger, by {least:.1f} px or more (95 %).", least=least)
    outweighed = least > limits.hd95 and bound >= limits.much
    if outweighed:
        text += " " + tr("The gain in agreement outweighs that.")
    checks.append(Check(passed=outweighed or least <= limits.hd95, text=text))
    return checks


def _harm(rows: Sequence[Scores], limits: GateLimits) -> Check:
    """Does any image get much worse?"""
    worst = min(rows, key=lambda row: row.dice_after - row.dice_before)
    if worst.dice_before - worst.dice_after <= limits.fall:
        return Check(passed=True, text=tr("No test image gets worse by more than {limit:.2f}.", limit=limits.fall))
    fields = {"name": worst.name, "before": worst.dice_before, "after": worst.dice_after}
    text = tr("'{name}' gets much worse ({before:.2f} to {after:.2f}).", **fields)
    if worst.as_proposed:
        text = tr(
            "'{name}', which you accepted as proposed, is now drawn otherwise (agreement {before:.2f} to {after:.2f}): "
            "look which of the two is right.",
            **fields,
        )
    return Check(passed=False, text=text)


def how(change: float) -> str:
    """A change of agreement (Dice) in words: ``slightly less``, ``much better``, ..."""
    if abs(change) < 0.005:
        return tr("as well as before")
    if abs(change) >= 0.1:
        return tr("much better") if change > 0 else tr("much less")
    if abs(change) < 0.03:
        return tr("slightly better") if change > 0 else tr("slightly less")
    return tr("better") if change > 0 else tr("less")


def _px(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def verdict_json(rows: Sequence[Scores], verdict: Verdict, suspects: Sequence[Suspect] = ()) -> str:
    """Figures, verdict and suspects, for the project's record."""
    keys = ("name", "dice_before", "dice_after", "hd95_before", "hd95_after", "as_proposed")
    cases = [{key: getattr(row, key) for key in keys} for row in rows]
    return json.dumps({"cases": cases, **asdict(verdict), "suspects": [asdict(one) for one in suspects]})
