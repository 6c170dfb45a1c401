"""Two regions in a chain between two streams of the host."""

import argparse

import numpy as np
from cerebras.sdk.runtime.sdkruntimepybind import (
    Edge,
    Route,
    RoutingPosition,
    SdkLayout,
    SdkRuntime,
    SdkTarget,
    SimfabConfig,
    get_platform,
)

parser = argparse.ArgumentParser()
parser.add_argument("--arch", default="wse3")
args = parser.parse_args()

target = SdkTarget.WSE2 if args.arch == "wse2" else SdkTarget.WSE3
platform = get_platform(None, SimfabConfig(dump_core=True), target)
layout = SdkLayout(platform)
size = 6


def stage(name, x, y, number, enter_edge, leave_edge):
    region = layout.create_code_region("add.csl", name, 1, 1)
    region.place(x, y)
    enter, leave = region.color("enter"), region.color("leave")
    region.set_param_all("size", size)
    region.set_param_all("number", number)
    region.set_param_all(enter)
    region.set_param_all(leave)
    into, out_of = RoutingPosition(), RoutingPosition()
    into.set_output([Route.RAMP])
    out_of.set_input([Route.RAMP])
    return (
        region.create_input_port(enter, enter_edge, [into], size),
        region.create_output_port(leave, leave_edge, [out_of], size),
    )


# The way from the first region's left edge to the second one's top edge goes around both.
first_in, first_out = stage("first", 1, 2, 10, Edge.TOP, Edge.LEFT)
second_in, second_out = stage("second", 4, 1, 100, Edge.TOP, Edge.RIGHT)
layout.connect(first_out, second_in)
source, sink = layout.create_input_stream(first_in), layout.create_output_stream(second_out)
runtime = SdkRuntime(layout.compile(out_prefix="out"), platform, memcpy_required=False)
runtime.load()
runtime.run()
data = np.arange(size, dtype=np.uint32)
result = np.zeros(size, np.uint32)
runtime.send(source, data, nonblock=True)
runtime.receive(sink, result, size, nonblock=True)
runtime.stop()
np.testing.assert_array_equal(result, data + 110)
np.testing.assert_array_equal(runtime.read_symbol(1, 2, "words", "uint32")[:size], data + 10)
print("SUCCESS!")
