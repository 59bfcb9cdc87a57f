"""Export formats: a format prepares a model, and the prepared export has the files and their figures.

A format need not be C: its files are bytes at relative paths, folders included. Preparing only plans. What
takes long, or needs a quantized model, is done when the files are first asked for. So the same prepared
export can be asked whether it fits a board, and written afterwards: nothing is planned twice.

A format also names its proof, which tries the files out before they are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from engine.boards.programs import Cancel
from engine.data.dataset import Dataset
from engine.errors import ExportError
from engine.export.facts import Facts
from engine.export.options import ExportOptions
from engine.knobs import knobs_of
from engine.nn.model import Model

__all__ = ["ALL_OPTIONS", "Format", "Prepare", "PreparedExport", "Proof", "Prove", "Usage"]

PROVED_VECTORS = 10
"""Test vectors of a proof, where the export has none."""

ALL_OPTIONS = frozenset(knob.name for knob in knobs_of(ExportOptions))
"""The options of a format that takes all of them."""


@dataclass(frozen=True, eq=False)
class PreparedExport:
    """A model in one format, ready to be written.

    Attributes
    ----------
    options : ExportOptions
        The options that it was prepared with.
    contents : callable
        ``contents()`` gives each file's content by its path relative to the folder of the export, with
        slashes: bytes, or text, which is encoded as UTF-8. Called once at most.
    facts : Facts or None
        The figures of the code; None for formats that are not code with kernels.
    """

    options: ExportOptions
    contents: Callable[[], Mapping[str, str | bytes]] = field(repr=False)
    facts: Facts | None = None

    @cached_property
    def files(self) -> Mapping[str, bytes]:
        """The content of each file by its relative path.

        Raises
        ------
        ExportError, QuantizationError
            When the model cannot be written in the format.
        """
        made = self.contents().items()
        return {path: text.encode() if isinstance(text, str) else text for path, text in made}


@dataclass(frozen=True)
class Proof:
    """What is known of an export that was to be tried out.

    Attributes
    ----------
    passed : bool
        Whether its files gave the engine's answers; False where they could not be tried.
    sentence : str
        How they were tried, or why not.
    """

    passed: bool
    sentence: str

    @property
    def words(self) -> str:
        """What to tell the user."""
        return self.sentence if self.passed else f"It was not tried out. {self.sentence}"


Prepare = Callable[[Model, ExportOptions, Dataset | None], PreparedExport]
Prove = Callable[[Model, Mapping[str, bytes], ExportOptions, Cancel | None], Proof]
Usage = Callable[[Model, ExportOptions], str]


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes
    ----------
    name : str
        As on the command line.
    title, doc : str
        For people.
    writer : callable
        ``writer(model, options, data)`` prepares an export, see `prepare`.
    takes : frozenset of str
        The fields of `ExportOptions`, besides the name, that the format uses. Others must have their defaults
        or be off.
    has_facts : bool
        Whether its exports have `PreparedExport.facts`, from which the cost on a board is estimated.
    usage : callable or None
        ``usage(model, options)`` returns code that calls the export, to be copied; None where there is none.
    proof : callable or None
        ``proof(model, files, options, cancel)`` tries out on this computer that `files` give the engine's
        answers, see `prove`; they hold test vectors if the format has such. None where that cannot be tried.
    """

    name: str
    title: str
    doc: str
    writer: Prepare
    takes: frozenset[str] = frozenset()
    has_facts: bool = False
    usage: Usage | None = None
    proof: Prove | None = None

    @property
    def learns(self) -> bool:
        """Whether the code can learn on the device (`ExportOptions.training`)."""
        return "training" in self.takes

    def prepare(self, model: Model, options: ExportOptions, data: Dataset | None = None) -> PreparedExport:
        """Return `model` in this format, planned and not yet written.

        Parameters
        ----------
        model : Model
            If it has no quantization, an export in int8 has facts but cannot give its files.
        options : ExportOptions
        data : Dataset or None
            Images for the test vectors; None takes random images.

        Raises
        ------
        ExportError
            When the format cannot express the model, or does not take an option that is set.
        """
        self._check_options(options)
        return self.writer(model, options, data)

    def prove(
        self,
        model: Model,
        prepared: PreparedExport,
        data: Dataset | None = None,
        cancel: Cancel | None = None,
    ) -> Proof:
        """Try out what was prepared, with test vectors made for it if it has none; nothing is kept.

        Parameters
        ----------
        model : Model
        prepared : PreparedExport
            What `prepare` returned for `model`.
        data : Dataset or None
            As for `prepare`.
        cancel : callable or None
            Called several times a second; if it returns true, the trial ends with an error.

        Raises
        ------
        VerifyError
            When an answer differs from the engine's, or the user cancels.
        """
        if self.proof is None:
            return Proof(False, f"There is no way to try {self.name} out on this computer.")
        files, options = prepared.files, prepared.options
        if "test_vectors" in self.takes and not options.test_vectors:
            options = replace(options, test_vectors=PROVED_VECTORS)
            files = {**self.prepare(model, options, data).files, **files}
        return self.proof(model, files, options, cancel)

    @property
    def option_names(self) -> frozenset[str]:
        """The fields of `ExportOptions` that the format uses, the name among them."""
        return self.takes | {"name"}

    def _check_options(self, options: ExportOptions) -> None:
        """Raise `ExportError` if an option is set that the format does not take."""
        for knob in knobs_of(ExportOptions):
            value, is_taken = getattr(options, knob.name), knob.name in self.option_names
            if value and value != knob.default and not is_taken:
                raise ExportError(
                    f'The format {self.name} does not take the option "{knob.label}"; leave it out or choose '
                    "another format."
                )
