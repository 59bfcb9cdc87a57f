"""Why a network errs: how well it does class by class, how sure it is, and which images it gets wrong."""

from __future__ import annotations

from engine.insight.assess import assess, assess_in_parts
from engine.insight.assessment import Assessment
from engine.insight.confidence import Reliability, interval, reliability
from engine.insight.fit_certainty import CoveragePoint, coverage_curve, fit_certainty
from engine.insight.robustness import CHANGES, Change, RobustnessPoint, robustness

__all__ = [
    "CHANGES",
    "Assessment",
    "Change",
    "CoveragePoint",
    "Reliability",
    "RobustnessPoint",
    "assess",
    "assess_in_parts",
    "coverage_curve",
    "fit_certainty",
    "interval",
    "reliability",
    "robustness",
]
