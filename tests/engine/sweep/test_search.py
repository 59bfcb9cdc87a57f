"""A search: what is proposed, refused, ended early, repeated and kept in Optuna's journal."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.boards.boards import BOARDS, Board
from engine.data.dataset import Dataset
from engine.errors import FieldError, FileError, MissingToolError, TinyMLError, TrainingError
from engine.nn.layers import Dense, Flatten
from engine.sweep.columns import KEY, Row, row_of
from engine.sweep.fields import Recipe, RepeatedLayer
from engine.sweep.objectives import OBJECTIVES, dominates, front, objectives_from_text
from engine.sweep.outcome import EpochScores, Finished
from engine.sweep.processes import here
from engine.sweep.search.default_space import convolutional_space
from engine.sweep.search.plan import SAMPLERS, Plan
from engine.sweep.search.search import Search
from engine.sweep.search.space import Space, Span, axis_or_span
from engine.sweep.search.study import Study
from engine.training.config import TrainConfig
from tests.engine.helpers import blobs

optuna = pytest.importorskip("optuna")

DATA = blobs(120)
LAYERS = (RepeatedLayer(Flatten()), RepeatedLayer(Dense(4, "relu")), RepeatedLayer(Dense(3)))
RECIPE = Recipe(LAYERS, DATA.image_shape, TrainConfig(epochs=2, batch_size=12, threads=1))
SPACE = Space(
    "small",
    RECIPE,
    (
        axis_or_span(RECIPE, "layers.1.units=4,8,12,16"),
        axis_or_span(RECIPE, "layers.1.activation=relu,tanh"),
        axis_or_span(RECIPE, "train.learning_rate=0.01..0.5"),
    ),
)
FEW = Space("few", RECIPE, SPACE.axes[:1])
TWO = (OBJECTIVES["accuracy"], OBJECTIVES["flash"])


def searched(path: Path, plan: Plan, rows: dict[str, Row], space: Space = SPACE) -> Search:
    study = Study(path, "a search", space, plan)
    return Search(space, study, plan, DATA, rows, idle=20)


def carried_on(search: Search, rows: dict[str, Row], most: int = 1000) -> None:
    """Train until `most` runs have ended; the program is then killed, so to speak."""
    for event in here(search.tasks(), DATA, None, search.unwanted):
        if isinstance(event, EpochScores):
            search.judge(event)
        if isinstance(event, Finished):
            if not most:
                return
            most -= 1
            row = rows[event.trained.run.key] = row_of(search.measured(event), "a search")
            search.ended(event, row)


def trials(path: Path) -> list[optuna.trial.FrozenTrial]:
    """Return what the dashboard would show."""
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    storage = optuna.storages.JournalStorage(backend)
    return optuna.load_study(study_name="a search", storage=storage).trials


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("objectives", [TWO[:1], TWO])
def test_a_search_trains_so_many_different_networks(
    tmp_path: Path, sampler: str, objectives: tuple[object, ...]
) -> None:
    rows: dict[str, Row] = {}
    plan = Plan(trials=12, sampler=sampler, objectives=objectives)  # type: ignore[arg-type]
    search = searched(tmp_path / "a.journal", plan, rows)
    carried_on(search, rows)
    assert len(rows) == 12
    kept = trials(tmp_path / "a.journal")
    assert kept[0].params["layers.1.units"] == 4  # the recipe itself comes first where the axes have it
    assert {trial.state.name for trial in kept} == {"COMPLETE"}
    values = {tuple(aim.of(row) for aim in plan.objectives) for row in rows.values()}
    assert {tuple(trial.values) for trial in kept} == values
    for shares in search.importances.values():
        assert set(shares) == {axis.name for axis in SPACE.axes}


def test_a_space_with_fewer_networks_than_trials_is_trained_whole(tmp_path: Path) -> None:
    rows: dict[str, Row] = {}
    carried_on(searched(tmp_path / "a.journal", Plan(trials=50, sampler="random"), rows, FEW), rows)
    assert len(rows) == 4


def test_a_killed_search_goes_on_with_every_run_once(tmp_path: Path) -> None:
    path, rows = tmp_path / "a.journal", {}
    plan = Plan(trials=9, objectives=TWO)
    carried_on(searched(path, plan, rows), rows, most=4)
    lost = next(trial for trial in trials(path) if trial.state.name == "RUNNING")
    path.write_bytes(path.read_bytes() + b'{"op_code": 4, "wor')  # a line that was cut
    carried_on(searched(path, plan, rows), rows)
    ended = [trial.params for trial in trials(path) if trial.state.name == "COMPLETE"]
    assert len(rows) == len(ended) == 9
    assert ended.count(lost.params) == 1
    assert "RUNNING" not in {trial.state.name for trial in trials(path)}


def test_a_row_that_the_study_does_not_know_is_not_trained_again(tmp_path: Path) -> None:
    rows: dict[str, Row] = {}
    carried_on(searched(tmp_path / "a.journal", Plan(trials=4, sampler="random"), rows, FEW), rows)
    known = dict(rows)
    again = searched(tmp_path / "b.journal", Plan(trials=5, sampler="random"), rows, FEW)
    assert list(again.tasks()) == []
    assert rows == known
    assert {trial.state.name for trial in trials(tmp_path / "b.journal")} == {"COMPLETE"}


def board(flash: int, ram: int = 1 << 20) -> Board:
    uno = BOARDS["nano-33-ble"]
    return Board("tiny", "Tiny Board", uno.core, uno.clock_hz, flash, ram, "made up")


def test_what_does_not_fit_is_refused_before_it_is_trained(tmp_path: Path) -> None:
    rows: dict[str, Row] = {}
    carried_on(searched(tmp_path / "a.journal", Plan(trials=4, sampler="random"), rows, FEW), rows)
    sizes = sorted(int(row["Flash int8 (bytes)"] or 0) for row in rows.values())
    assert len(set(sizes)) == 4
    plan, few = Plan(trials=4, sampler="random", board=board(sizes[1])), {}
    search = searched(tmp_path / "b.journal", plan, few, FEW)
    carried_on(search, few)
    assert sorted(int(row["Flash int8 (bytes)"] or 0) for row in few.values()) == sizes[:2]
    refused = [trial for trial in trials(tmp_path / "b.journal") if trial.state.name == "PRUNED"]
    assert len(refused) == search.refused > 0
    assert all(trial.constraints["flash"] > 0 for trial in refused)


@pytest.mark.parametrize(("memory", "words"), [((10, 1 << 20), "flash"), ((1 << 20, 1), "bytes of RAM")])
def test_a_board_on_which_nothing_fits_is_told_in_one_sentence(
    tmp_path: Path, memory: tuple[int, int], words: str
) -> None:
    plan = Plan(trials=4, sampler="random", board=board(*memory))
    with pytest.raises(
        TrainingError, match=f"None of the first 20 networks of few fits Tiny Board: .*{words}"
    ):
        list(searched(tmp_path / "a.journal", plan, {}, FEW).tasks())


def test_no_run_begins_after_the_time_is_over(tmp_path: Path) -> None:
    plan, seconds = Plan(trials=50, minutes=1), itertools.count(step=9)
    study = Study(tmp_path / "a.journal", "a search", SPACE, plan)
    rows: dict[str, Row] = {}
    carried_on(Search(SPACE, study, plan, DATA, rows, clock=lambda: next(seconds)), rows)
    assert len(rows) == 6


def test_halving_ends_runs_that_are_behind(tmp_path: Path) -> None:
    """With rates from far too small to fit, most runs are behind after an epoch."""
    recipe = SPACE.changed({"train.epochs": 3}).recipe
    space = Space("rates", recipe, (Span("train.learning_rate", 1e-9, 0.5),))
    rows: dict[str, Row] = {}
    search = searched(tmp_path / "a.journal", Plan(trials=12, sampler="random", halving=True), rows, space)
    carried_on(search, rows)
    assert search.pruned == len(search.unwanted) > 0
    assert len(rows) + search.pruned == 12
    left = searched(tmp_path / "a.journal", Plan(trials=12, sampler="random", halving=True), rows, space).left
    assert left == 0  # what was ended counts when a search goes on


def test_halving_is_for_accuracy_alone() -> None:
    with pytest.raises(FieldError, match="give it with the objective accuracy"):
        Plan(trials=2, objectives=TWO, halving=True)


@pytest.mark.parametrize(
    "content", [b"mine", b"mine\n", b"{}\n", b"1\n", b"[1]\n", b'{"op_code": 0}\n{"op_code": 0}\n']
)
def test_what_is_no_journal_is_refused_and_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.journal"
    path.write_bytes(content)
    with pytest.raises(FileError, match="no journal of Optuna"):
        searched(path, Plan(trials=2), {})
    assert path.read_bytes() == content


def test_the_journal_of_another_search_is_refused(tmp_path: Path) -> None:
    searched(tmp_path / "a.journal", Plan(trials=2), {})
    with pytest.raises(FileError, match="journal of another search"):
        Study(tmp_path / "a.journal", "another", SPACE, Plan(trials=2))


def test_a_journal_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"a\.journal: there is no such file or folder"):
        searched(tmp_path / "none" / "a.journal", Plan(trials=2), {})


def test_without_optuna_the_sentence_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingToolError, match=r"tinyml-studio\[search\]"):
        searched(tmp_path / "a.journal", Plan(trials=2), {})


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (64, 48, 1)])
def test_most_networks_of_the_default_space_can_be_built(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    space = convolutional_space(10, shape)
    assert Space.from_json(space.to_json()) == space
    study = Study(tmp_path / "a.journal", "a search", space, Plan(trials=2, sampler="random"))
    images = np.random.default_rng(0).integers(0, 255, (100, *shape), np.uint8)
    data, built = Dataset("noise", images, (np.arange(100) % 10).astype(np.uint8), tuple("0123456789")), 0
    for _ in range(12):
        proposal = study.ask()
        try:
            run = space.run(proposal.number, proposal.settings, data)
        except TinyMLError:
            continue
        assert run.spec.classes == 10
        built += 1
    assert built >= 8


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train.learning_rate=0.5..0.1", "the lower end first"),
        ("train.learning_rate=a..b", "must be a number"),
        ("train.learning_rate=0.1..1e9", "at most 100"),
        ("train.speed=0.1..1", "no field train.speed"),
        ("layers.1.units=0.5..3", "must be a whole number"),
    ],
)
def test_a_span_that_makes_no_sense_is_refused(text: str, words: str) -> None:
    with pytest.raises(FieldError, match=words):
        axis_or_span(RECIPE, text)


@pytest.mark.parametrize(
    ("text", "words"), [("speed", "no objective 'speed'"), ("flash,flash", "twice"), ("", "no objective ''")]
)
def test_objectives_that_make_no_sense_are_refused(text: str, words: str) -> None:
    with pytest.raises(FieldError, match=words):
        objectives_from_text(text)


def test_the_front_is_what_no_other_row_beats() -> None:
    def row(accuracy: float | None, flash: int) -> Row:
        return {TWO[0].column: accuracy, TWO[1].column: flash, KEY: f"{accuracy} {flash}"}

    rows = [row(90, 100), row(95, 200), row(90, 200), row(None, 50), row(95, 200), row(None, 300)]
    assert front(rows, TWO) == [rows[0], rows[1], rows[3], rows[4]]
    assert dominates(rows[0], rows[2], TWO)
    assert not dominates(rows[1], rows[4], TWO)
