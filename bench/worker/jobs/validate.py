"""Whether a variant is one that ONNX Runtime runs. It may end this process: so it is asked in one of its own."""

import numpy as np
import onnx.checker
import onnxruntime as ort


def run(model: str, inputs: dict[str, str]) -> str:
    """Return what is wrong with the variant, in words; "" where its checker, its session and its outputs are well.

    `inputs` maps names to .npy files; without any the model is loaded and not run.
    """
    return "; ".join(said for said in (_checked(model), _run(model, inputs)) if said)


def _checked(model: str) -> str:
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:
        return f"onnx.checker: {str(error).strip()[:400]}"
    return ""


def _run(model: str, inputs: dict[str, str]) -> str:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        return f"ONNX Runtime's CPU provider does not load it: {str(error).strip()[:400]}"
    if not inputs:
        return ""
    names = [output.name for output in session.get_outputs()]
    try:
        outputs = session.run(names, {name: np.load(path, allow_pickle=False) for name, path in inputs.items()})
    except Exception as error:
        return f"ONNX Runtime's CPU provider does not run it: {str(error).strip()[:400]}"
    wrong = [_infinite(name, value) for name, value in zip(names, outputs, strict=True)]
    return "; ".join(said for said in wrong if said)


def _infinite(name: str, value: object) -> str:
    found = np.asarray(value)
    if found.dtype.kind != "f":
        return ""
    odd = int(found.size - np.isfinite(found).sum())
    return f"{odd} of {found.size} elements of its output `{name}` are not finite" if odd else ""
