"""The study of a search: Optuna proposes settings and keeps what became of them in a journal.

Optuna's dashboard opens the journal, also while the search goes on. It is of the extra ``search``, which is
imported when a search begins.
"""

from __future__ import annotations

import itertools
import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from engine.errors import FileError
from engine.extras import require
from engine.files import file_faults, is_file, read_limited, write_bytes
from engine.knobs import Scalar
from engine.sweep.fields import Recipe, value_at
from engine.sweep.grid import Axis, Settings
from engine.sweep.search.plan import Plan
from engine.sweep.search.space import Space, Span

__all__ = ["Proposal", "Study", "require_optuna"]

NO_JOURNAL = "it is no journal of Optuna, or it is damaged; give another --out."
MAX_BYTES = 1 << 30
WARM_UP = 10  # trials at random, at least, before TPE models anything
POPULATION = (10, 50)


def require_optuna() -> Any:
    """Return the module optuna; raise `MissingToolError` if it is not installed."""
    optuna = require("optuna", "search", "Searches (--trials)")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


@dataclass(frozen=True)
class Proposal:
    """Settings to try, with the number of their trial."""

    number: int
    settings: Settings


class Study:
    """The study in the file `path`, which is made if there is none.

    Parameters
    ----------
    path : path-like
    name : str
        Fingerprint of the search; a journal with another one is refused.
    space : Space
    plan : Plan

    Raises
    ------
    FileError
        When the journal is of another search or damaged, or cannot be written.
    MissingToolError
        When Optuna is not installed.
    """

    def __init__(self, path: str | os.PathLike[str], name: str, space: Space, plan: Plan) -> None:
        self._optuna = optuna = require_optuna()
        self._path, self._objectives = path, plan.objectives
        self._running: dict[int, Any] = {}
        self._fields = tuple(_Field.of(axis, optuna) for axis in space.axes)
        is_new = not is_file(path)
        if not is_new:
            _mend_journal(path)
        with self._faults():
            self._study = self._opened(name, plan)
        if is_new:
            self._enqueue({field.axis.name: field.usual(space.recipe) for field in self._fields})
        else:
            self._repeat_interrupted()

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Turn faults of the journal into sentences, and silence Optuna about what it may change one day."""
        with file_faults(self._path), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield

    def _opened(self, name: str, plan: Plan) -> Any:
        optuna = self._optuna
        journal = optuna.storages.journal
        lock = journal.JournalFileOpenLock if os.name == "nt" else journal.JournalFileSymlinkLock
        text = os.fspath(self._path)
        try:
            storage = optuna.storages.JournalStorage(journal.JournalFileBackend(text, lock(text)))
            names = [study.study_name for study in storage.get_all_studies()]
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise FileError(self._path, NO_JOURNAL) from error
        if names and name not in names:
            raise FileError(self._path, "it is the journal of another search; give another --out.")
        known = len(storage.get_all_trials(storage.get_study_id_from_name(name))) if names else 0
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            load_if_exists=True,
            directions=["maximize" if aim.is_higher_better else "minimize" for aim in plan.objectives],
            sampler=_sampler(optuna, plan, plan.seed + known),
            pruner=optuna.pruners.SuccessiveHalvingPruner() if plan.halving else optuna.pruners.NopPruner(),
        )
        if not names:
            study.set_metric_names([aim.title for aim in plan.objectives])
        return study

    def _enqueue(self, params: Mapping[str, Any]) -> None:
        if all(value is not None for value in params.values()):
            with self._faults():
                self._study.enqueue_trial(dict(params))

    def _repeat_interrupted(self) -> None:
        """Let trials that were running when the program ended be tried again."""
        states = self._optuna.trial.TrialState
        for trial in self._study.get_trials(states=(states.RUNNING,)):
            with self._faults():
                self._study.tell(trial.number, state=states.FAIL)
            if trial.params:
                self._enqueue(trial.params)

    @property
    def pruned(self) -> int:
        """How many runs were ended early."""
        states = self._optuna.trial.TrialState
        return sum(
            not trial.constraints for trial in self._study.get_trials(deepcopy=False, states=(states.PRUNED,))
        )

    def ask(self) -> Proposal:
        """Return what to try next."""
        with self._faults():
            trial = self._study.ask({field.axis.name: field.distribution for field in self._fields})
        self._running[trial.number] = trial
        settings = [pair for field in self._fields for pair in field.settings(trial.params[field.axis.name])]
        return Proposal(trial.number, tuple(settings))

    def tell(self, number: int, values: Sequence[float]) -> None:
        """Take note of the objectives of a trial."""
        self._end(number, "COMPLETE", list(values))

    def refuse(self, number: int, excess: Mapping[str, float]) -> None:
        """Take note that a trial is not trained: by what share it exceeds each limit."""
        with self._faults():
            for name, share in excess.items():
                self._running[number].set_constraint(name, share)
        self._end(number, "PRUNED")

    def fail(self, number: int) -> None:
        """Take note that a trial gave no result."""
        self._end(number, "FAIL")

    def is_behind(self, number: int, epoch: int, accuracy: float) -> bool:
        """Take note of an accuracy during training; return whether the trial ends here, as it is behind."""
        with self._faults():
            self._running[number].report(accuracy, epoch)
            if not self._running[number].should_prune():
                return False
        self._end(number, "PRUNED")
        return True

    def _end(self, number: int, state: str, values: list[float] | None = None) -> None:
        with self._faults():
            self._study.tell(self._running.pop(number), values, self._optuna.trial.TrialState[state])

    def importances(self) -> Mapping[str, Mapping[str, float]]:
        """Return for each objective how much each field matters (PED-ANOVA), in shares that add up to 1.

        Empty where too few trials have ended to tell.
        """
        importance, found = self._optuna.importance, {}
        for place, aim in enumerate(self._objectives):
            sign = -1 if aim.is_higher_better else 1  # PED-ANOVA looks at the lowest values
            with self._faults(), suppress(ValueError, RuntimeError):
                found[aim.title] = importance.get_param_importances(
                    self._study,
                    evaluator=importance.PedAnovaImportanceEvaluator(),
                    target=lambda trial, place=place, sign=sign: sign * trial.values[place],
                )
        return found


@dataclass(frozen=True)
class _Field:
    """An axis or span, as Optuna sees it.

    Attributes
    ----------
    axis : Axis or Span
    distribution : optuna.distributions.BaseDistribution
    rows : mapping
        The values of an axis by what Optuna calls them; empty for a span.
    """

    axis: Axis | Span
    distribution: Any
    rows: Mapping[Scalar, tuple[Scalar, ...]]

    @classmethod
    def of(cls, axis: Axis | Span, optuna: Any) -> _Field:
        """Return the field; whole numbers at equal distances have an order for Optuna, other values none."""
        kinds = optuna.distributions
        if isinstance(axis, Span):
            return cls(axis, kinds.FloatDistribution(axis.low, axis.high, log=axis.is_logarithmic), {})
        rows = {row[0] if len(row) == 1 else ", ".join(map(str, row)): row for row in axis.values}
        step = _step(list(rows))
        if step:
            return cls(axis, kinds.IntDistribution(min(rows), max(rows), step=step), rows)
        return cls(axis, kinds.CategoricalDistribution(tuple(rows)), rows)

    def settings(self, value: Scalar) -> Settings:
        """Return the settings for Optuna's value."""
        return tuple(zip(self.axis.paths, self.rows.get(value, (value,)), strict=True))

    def usual(self, recipe: Recipe) -> Scalar | None:
        """Return the value of the recipe itself; None if the axis does not have it."""
        own = tuple(value_at(recipe, path) for path in self.axis.paths)
        if not self.rows:
            return own[0]
        return next((name for name, row in self.rows.items() if row == own), None)


def _step(values: Sequence[Scalar]) -> int:
    """Return the distance of whole numbers that follow each other at equal distances; 0 for other values."""
    numbers = sorted(value for value in values if type(value) is int)
    steps = {after - before for before, after in itertools.pairwise(numbers)}
    return steps.pop() if len(numbers) == len(values) and len(steps) == 1 else 0


def _sampler(optuna: Any, plan: Plan, seed: int) -> Any:
    few, many = POPULATION
    if plan.sampler == "tpe":
        start = max(WARM_UP, plan.trials // 10)
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=start, multivariate=True)
    if plan.sampler == "nsga2":
        return optuna.samplers.NSGAIISampler(seed=seed, population_size=min(max(few, plan.trials // 8), many))
    return optuna.samplers.RandomSampler(seed=seed)


def _mend_journal(path: str | os.PathLike[str]) -> None:
    """Remove a last line that a killed program or a full disk has cut; what follows it would be damaged."""
    data = read_limited(path, MAX_BYTES)
    whole = data[: data.rfind(b"\n") + 1]
    try:
        is_journal = all("op_code" in json.loads(line) for line in whole.splitlines()[:1] or [data])
    except (ValueError, TypeError, RecursionError):
        is_journal = False
    if not is_journal:
        raise FileError(path, NO_JOURNAL)
    if whole != data:
        write_bytes(path, whole)
