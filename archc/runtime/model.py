"""A model file opened for running: its session, its record and its inputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from archc.diagnostics.diagnostic import Rule
from archc.diagnostics.reporter import Failed, Reporter
from archc.onnx_io.session import Argument, Session, open_session
from archc.runtime.given_file import check_file
from archc.runtime.metadata import ModelRecord, parse_metadata
from archc.runtime.model_input import ModelInput
from archc.shapes.tensor_type import DType
from archc.weights.checkpoint import file_place
from archc.weights.shown import shown

NOT_A_MODEL = Rule(
    "run/not-a-model",
    "a file is no model that can be run",
    "Only what ONNX Runtime loads can be run; the note is its own reason.",
)
INPUT_TYPE = Rule(
    "run/input-type",
    "a model takes elements that archc does not feed",
    "Pictures and answers are given as float32, float16 or uint8 tensors.",
)

LONGEST_REASON = 600
"""Characters that are shown of what ONNX Runtime says: the layer and the cause stand at its end."""

_BUILD = "give a built model; `archc build SPEC` makes one"

_DTYPES = {
    "tensor(float)": DType.FLOAT32,
    "tensor(float16)": DType.FLOAT16,
    "tensor(uint8)": DType.UINT8,
}


@dataclass(frozen=True)
class Model:
    """A loaded model: its file, its session, what it says of itself, its inputs and outputs."""

    path: Path
    session: Session
    record: ModelRecord
    inputs: tuple[ModelInput, ...]
    output_names: tuple[str, ...]


def open_model(path: Path, reporter: Reporter, *, threads: int = 1) -> Model | Failed:
    """The model in a file, loaded and ready to run.

    Inputs are those that archc recorded; a model of another origin has its declared ones, taken
    to be channels first.

    Reports: run/no-such-file, run/not-a-model, run/input-type.
    """
    if isinstance(failed := check_file(path, reporter, otherwise=_BUILD), Failed):
        return failed
    try:
        session = open_session(path, threads=threads)
    # ONNX Runtime's exceptions have no common base but this one.
    except Exception as error:
        return reporter.error(
            NOT_A_MODEL,
            f"`{shown(str(path))}` cannot be loaded by ONNX Runtime",
            file_place(str(path)),
            notes=(shown(str(error), LONGEST_REASON),),
            helps=(_BUILD,),
        )
    record = parse_metadata(session.get_modelmeta().custom_metadata_map)
    arguments = session.get_inputs()
    for argument in arguments:
        if argument.type not in _DTYPES:
            return reporter.error(
                INPUT_TYPE,
                f"the input `{shown(argument.name)}` takes `{shown(argument.type)}`; float32, "
                "float16 and uint8 can be given",
                file_place(str(path)),
                helps=("export the model with float32 inputs",),
            )
    inputs = record.inputs
    if [entry.name for entry in inputs] != [argument.name for argument in arguments]:
        inputs = tuple(_declared(argument) for argument in arguments)
    names = tuple(output.name for output in session.get_outputs())
    return Model(path, session, record, inputs, names)


def _declared(argument: Argument) -> ModelInput:
    shape = tuple("?" if size is None else size for size in argument.shape[1:])
    return ModelInput(argument.name, shape, _DTYPES[argument.type])
