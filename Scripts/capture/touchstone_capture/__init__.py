"""Writes what an inference engine computed as a capture, which `touchstone diff` judges.

    import touchstone_capture
    golden = touchstone_capture.Golden.read("golden.h5")
    ...                                                   # run the engine on golden.token_ids
    touchstone_capture.write(golden, {"layers/000/ln_1": ln_1, "final/logits": logits}, "capture.h5")

`python -m touchstone_capture --help` runs engines that are known here: PyTorch, ONNX Runtime, OpenVINO, llama.cpp.
"""

from .capture import write
from .errors import NOT_SUPPORTED, CaptureError, NotSupported
from .golden import Golden
from .model import Model
from .optimiser import step, write_steps

__all__ = ["NOT_SUPPORTED", "CaptureError", "Golden", "Model", "NotSupported", "step", "write", "write_steps"]
__version__ = "1.0.0"
