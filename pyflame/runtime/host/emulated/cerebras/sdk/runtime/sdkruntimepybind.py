"""The runtime and what scripts import beside it."""

from pyflame.runtime.host.commands import Command as Task
from pyflame.runtime.host.platform import (
    SdkCompileArtifacts,
    SdkExecutionPlatform,
    SdkTarget,
    SimfabConfig,
    get_platform,
    get_simulator,
    get_system,
)
from pyflame.runtime.host.sdklayout import (
    FP16TYPE,
    CodeRegion,
    Color,
    Edge,
    EdgeRouteInfo,
    PortHandle,
    Route,
    RoutingPosition,
    SdkLayout,
    get_edge_routing,
)
from pyflame.runtime.host.sdkruntime import SdkRuntime
from pyflame.runtime.host.transfers import MemcpyDataType, MemcpyOrder

__all__ = [
    "FP16TYPE",
    "CodeRegion",
    "Color",
    "Edge",
    "EdgeRouteInfo",
    "MemcpyDataType",
    "MemcpyOrder",
    "PortHandle",
    "Route",
    "RoutingPosition",
    "SdkCompileArtifacts",
    "SdkExecutionPlatform",
    "SdkLayout",
    "SdkRuntime",
    "SdkTarget",
    "SimfabConfig",
    "Task",
    "get_edge_routing",
    "get_platform",
    "get_simulator",
    "get_system",
]

# The members of the SDK's enumerations are names of its module, too.
for _kind in (Edge, FP16TYPE, MemcpyDataType, MemcpyOrder, Route, SdkTarget):
    globals().update(_kind.__members__)
