"""Streams words through the PE, more than any queue holds."""

import argparse
import json

import numpy as np
from cerebras.sdk.runtime.sdkruntimepybind import MemcpyDataType, MemcpyOrder, SdkRuntime

parser = argparse.ArgumentParser()
parser.add_argument("--name")
parser.add_argument("--count", type=int, default=50)
parser.add_argument("--receive-first", action="store_true")
args = parser.parse_args()

with open(f"{args.name}/out.json", encoding="utf-8") as file:
    params = json.load(file)["params"]
h2d, d2h = int(params["MEMCPYH2D_DATA_1_ID"]), int(params["MEMCPYD2H_DATA_1_ID"])
stream = {
    "streaming": True,
    "order": MemcpyOrder.COL_MAJOR,
    "data_type": MemcpyDataType.MEMCPY_32BIT,
}
runner = SdkRuntime(args.name)
runner.load()
runner.run()
data = np.arange(args.count, dtype=np.uint32)
result = np.zeros(args.count, np.uint32)
if args.receive_first:
    task = runner.memcpy_d2h(result, d2h, 0, 0, 1, 1, args.count, nonblock=True, **stream)
    runner.memcpy_h2d(h2d, data, 0, 0, 1, 1, args.count, nonblock=False, **stream)
    runner.task_wait(task)
else:
    runner.memcpy_h2d(h2d, data, 0, 0, 1, 1, args.count, nonblock=True, **stream)
    runner.memcpy_d2h(result, d2h, 0, 0, 1, 1, args.count, nonblock=False, **stream)
runner.stop()
np.testing.assert_array_equal(result, data + 1)
print("SUCCESS!")
