"""The plain loop of each runtime that its adapter is held against: the runtime, numpy, and the call its manual shows.

Usage: python plain_loop.py ADAPTER MODEL THREADS INPUTS [ORIGIN [MODE]]. INPUTS is a JSON object of .npy files, ORIGIN
one of what a torch module is made of. Reads the number of inferences of a burst, answers with its samples in ns.
"""

import gc
import json
import sys
import time
from pathlib import Path

import numpy as np

adapter, model, threads, files = sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])
origin = json.loads(sys.argv[5]) if len(sys.argv) > 5 else {}
mode = sys.argv[6] if len(sys.argv) > 6 else ""
inputs = {name: np.load(path) for name, path in files.items()}
narrow = {name: value.astype(np.int32) if value.dtype == np.int64 else value for name, value in inputs.items()}


def ort():
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    for name, value in inputs.items():
        binding.bind_cpu_input(name, value)
    for each in session.get_outputs():
        binding.bind_output(each.name, "cpu")
    return lambda: session.run_with_iobinding(binding)


def openvino_native():
    import openvino

    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    request = openvino.compile_model(model, "CPU", settings).create_infer_request()
    for name, value in inputs.items():
        request.set_tensor(name, openvino.Tensor(value))
    return request.infer


def torch_native():
    import torch

    torch.set_num_threads(threads)
    tensors = {name: torch.from_numpy(value) for name, value in inputs.items()}
    call = {"eager": module, "script": script, "compile": compiled, "aot": package}[mode](tensors)

    def run():
        with torch.inference_mode():
            call(**tensors)

    return run


def module(tensors):
    sys.path[:0] = origin["paths"]
    from bench.worker.factories import build

    return build(origin["factory"], [], model)[0].eval()


def script(tensors):
    import torch

    with torch.no_grad():
        traced = torch.jit.trace(module(tensors), example_kwarg_inputs=tensors, check_trace=False, strict=False)
        return torch.jit.freeze(traced)


def compiled(tensors):
    import torch

    return torch.compile(module(tensors), dynamic=False)


def package(tensors):
    import torch._inductor

    return torch._inductor.aoti_load_package(model)


def litert():
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model, num_threads=threads)
    interpreter.allocate_tensors()
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], narrow[detail["name"].removeprefix("serving_default_")])
    return interpreter.invoke


def mnn():
    import MNN

    backend = {"backend": "CPU", "numThread": threads, "precision": "high"}
    manager = MNN.nn.create_runtime_manager((backend,))
    module = MNN.nn.load_module_from_file(model, [], [], runtime_manager=manager, shape_mutable=False)
    kinds = {"float32": MNN.expr.float, "int32": MNN.expr.int}
    names = module.get_info()["inputNames"]
    values = [narrow[name] for name in names]
    variables = [MNN.expr.const(value, list(value.shape), MNN.expr.NCHW, kinds[value.dtype.name]) for value in values]
    return lambda: [output.ptr for output in module.forward(variables)]


def tract():
    import tract

    runnable = tract.onnx().load(model).into_model().into_runnable()
    tensors = [tract.Tensor.from_numpy(value) for value in inputs.values()]
    return lambda: runnable.run(tensors)


def ncnn():
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = threads
    for name in dir(net.opt):
        if name.startswith(("use_fp16", "use_bf16")):
            setattr(net.opt, name, False)
    net.load_param(model)
    net.load_model(model.removesuffix("param") + "bin")
    about = json.loads(Path(model).with_suffix(".json").read_text())  # which blob is which input; where its batch is
    mats = [(blob, matrix(narrow[name], about["batch"].get(blob, 233))) for name, blob in about["inputs"].items()]
    outputs = [f"out{number}" for number in range(len(about["shapes"]))]

    def run():
        extractor = net.create_extractor()
        for blob, mat in mats:
            extractor.input(blob, mat)
        for blob in outputs:
            extractor.extract(blob)

    return run


def matrix(value, batch):
    import ncnn

    return ncnn.Mat(np.ascontiguousarray(value), batch_index=batch).clone()


def executorch():
    """As executorch.runtime does it, but for its copy of the outputs.

    That is torch's own, by threads that go on spinning after it and take the next inference's processors: 18% of one.
    """
    import torch
    from executorch.extension.pybindings import portable_lib

    portable_lib._unsafe_reset_threadpool(threads)
    torch.set_num_threads(threads)
    program = portable_lib._load_program(model)
    method = program.load_method("forward")
    tensors = [torch.from_numpy(value) for value in inputs.values()]
    return lambda: (program, method.call(tensors, False))


def iree():
    import iree.runtime as rt

    rt.flags.parse_flags(f"--task_topology_group_count={threads}")
    config = rt.Config("local-task")
    bound = rt.VmModule.mmap(config.vm_instance, model)
    function = rt.load_vm_module(bound, config)["main"]
    arrays = [rt.asdevicearray(config.device, value) for value in inputs.values()]

    def run():
        results = function(*arrays)
        for each in results if isinstance(results, tuple) else (results,):
            each.to_host()

    return run


run = globals()[adapter]()
run()
print("ready", flush=True)
gc.disable()
for line in sys.stdin:
    samples = []
    for _ in range(int(line)):
        start = time.perf_counter_ns()
        run()
        samples.append(time.perf_counter_ns() - start)
    print(json.dumps(samples), flush=True)
