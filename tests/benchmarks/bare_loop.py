"""The bare loop a worker is held against: onnxruntime, numpy, run_with_iobinding, nothing else.

Usage: python bare_loop.py MODEL THREADS. Reads the number of inferences of a burst, answers with its samples in ns.
"""

import gc
import json
import sys
import time

import numpy as np
import onnxruntime as ort

options = ort.SessionOptions()
options.intra_op_num_threads = int(sys.argv[2])
options.inter_op_num_threads = 1
options.log_severity_level = 3
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
binding = session.io_binding()
inputs = {
    each.name: np.full([1 if isinstance(size, str) else size for size in each.shape], 0.5, np.float32)
    for each in session.get_inputs()
}
for name, value in inputs.items():
    binding.bind_cpu_input(name, value)
for each in session.get_outputs():
    binding.bind_output(each.name, "cpu")
session.run_with_iobinding(binding)
print("ready", flush=True)
gc.disable()
for line in sys.stdin:
    samples = []
    for _ in range(int(line)):
        start = time.perf_counter_ns()
        session.run_with_iobinding(binding)
        samples.append(time.perf_counter_ns() - start)
    print(json.dumps(samples), flush=True)
