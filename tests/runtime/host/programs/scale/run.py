"""Scales arrays on each PE and checks them; with --mistake, forgets what a host script can."""

import argparse
import json

import numpy as np
from cerebras.sdk.debug.debug_util import debug_util
from cerebras.sdk.runtime.sdkruntimepybind import MemcpyDataType, MemcpyOrder, SdkRuntime

parser = argparse.ArgumentParser()
parser.add_argument("--name")
parser.add_argument("--mistake", default="none")
args = parser.parse_args()

with open(f"{args.name}/out.json", encoding="utf-8") as file:
    params = json.load(file)["params"]
width, n = int(params["width"]), int(params["n"])
copy = {
    "streaming": False,
    "order": MemcpyOrder.ROW_MAJOR,
    "data_type": MemcpyDataType.MEMCPY_32BIT,
    "nonblock": False,
}

runner = SdkRuntime(args.name, cmaddr=None, suppress_simfab_trace=True)
values, total = runner.get_id("values"), runner.get_id("total")
runner.load()
runner.run()
data = np.arange(width * n, dtype=np.float32)
runner.memcpy_h2d(values, data, 0, 0, width, 1, n, **copy)
if args.mistake == "hang":
    runner.launch("hang", nonblock=False)
runner.launch("scale", np.float32(2.0), np.int16(-1), nonblock=False)
result = np.zeros(width * n, np.float32)
sums = np.zeros(width, np.float32)
runner.memcpy_d2h(result, values, 0, 0, width, 1, n, **copy)
runner.memcpy_d2h(sums, total, 0, 0, width, 1, 1, **copy)
runner.stop()

expected = 2 * data - 1
np.testing.assert_array_equal(result, expected)
np.testing.assert_array_equal(sums, expected.reshape(width, n).sum(axis=1))
debug = debug_util(args.name)
np.testing.assert_array_equal(debug.get_symbol(4, 1, "values", np.float32), expected[:n])
print("SUCCESS!")
