"""The reader of Keras 3's `.keras` archives: a zip with the weights as an HDF5 file in it.

The archive's `config.json` can name any function of any module and is never opened.
"""

from __future__ import annotations

from collections.abc import Collection

from archc.diagnostics.diagnostic import Rule
from archc.weights.checkpoint_file import CheckpointFile
from archc.weights.hdf5.dataset import Hdf5Tensor
from archc.weights.hdf5_keras import read_keras_h5
from archc.weights.refusal import CheckpointError
from archc.weights.state_dict import State
from archc.weights.zip_directory import read_directory

FORMAT = "keras zip"

COMPRESSED_KERAS = Rule(
    "weights/compressed-keras",
    "the weights in an archive of Keras are compressed or encrypted",
    "Keras stores plain bytes, which are read where they lie. Whatever packed the archive again"
    " compressed them.",
)
KERAS_WITHOUT_H5 = Rule(
    "weights/keras-without-h5",
    "an archive of Keras has no HDF5 file with weights",
    "Keras writes `model.weights.h5` by default; other forms have to be asked for.",
)

_WEIGHTS = "model.weights.h5"
_CONFIG = "config.json"


def is_keras(members: Collection[str]) -> bool:
    """Whether an archive with members of these names is one of Keras.

    >>> is_keras(["metadata.json", "config.json", "model.weights.h5"])
    True
    """
    return _WEIGHTS in members or (_CONFIG in members and "metadata.json" in members)


def read_keras_zip(file: CheckpointFile) -> State[Hdf5Tensor]:
    """The variables of a `.keras` archive by layer and number.

    Raises:
        CheckpointError: the archive or its weights are malformed, or not stored as plain bytes.
    """
    members = read_directory(file)
    member = members.get(_WEIGHTS)
    if member is None:
        raise CheckpointError(
            KERAS_WITHOUT_H5,
            f"the archive has no `{_WEIGHTS}`",
            helps=["save the weights with `model.save_weights('model.weights.h5')`"],
        )
    if not member.is_plain:
        raise CheckpointError(
            COMPRESSED_KERAS,
            f"the archive's `{_WEIGHTS}` is compressed or encrypted",
            helps=[f"unpack the archive and give its `{_WEIGHTS}`"],
        )
    return read_keras_h5(file, member.begin, member.size)
