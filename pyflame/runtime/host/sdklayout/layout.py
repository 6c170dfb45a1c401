"""SdkLayout: regions, connections between their ports, and streams to and from the host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from pyflame.arch import target
from pyflame.errors import (
    DTypeError,
    Gap,
    LayoutError,
    ResourceError,
    ShapeError,
    UnsupportedError,
)
from pyflame.runtime.host.checks import integer, pair
from pyflame.runtime.host.platform import (
    SdkCompileArtifacts,
    SdkExecutionPlatform,
    SdkTarget,
    get_simulator,
)
from pyflame.runtime.host.sdklayout.geometry import IntVector
from pyflame.runtime.host.sdklayout.region import CodeRegion, PortHandle
from pyflame.runtime.host.sdklayout.routing import Color

IO_BUFFER = 1024
"""Words that a stream's PE buffers, unless `io_buffer_size` says otherwise."""
LAST_BUFFER = 0x7FFF


class FP16TYPE(Enum):
    """16-bit float format; the value is the compiler's name of it."""

    F16 = "ieee"
    BF16 = "bf16"
    CB16 = "cb16"


@dataclass(frozen=True)
class Stream:
    """A stream between the host and the fabric.

    It meets the colour at `port`, or at `loc`, whose painted routes lead out of a region there.
    `io_loc` is where its own PE stands, None for any free place.
    """

    name: str
    incoming: bool
    color: Color
    port: PortHandle | None = None
    loc: IntVector | None = None
    io_loc: IntVector | None = None
    buffer: int = IO_BUFFER


class SdkLayout:
    """A program laid out from Python.

    `platform` is what `get_platform` gave, or a target for its simulator. Messages go to no log,
    so that `msg_level` has no effect.
    """

    def __init__(
        self, platform: SdkExecutionPlatform | SdkTarget, *, msg_level: str = "WARNING"
    ) -> None:
        if isinstance(platform, (str, Path)):
            raise UnsupportedError(
                f"SdkLayout of the fabric file {str(platform)!r}",
                hint="pass a platform from get_platform, or an SdkTarget",
            )
        if isinstance(platform, SdkTarget):
            platform = get_simulator(target=platform)
        if not isinstance(platform, SdkExecutionPlatform):
            raise DTypeError(f"SdkLayout: {platform!r} is no platform; get_platform makes one")
        self.platform = platform
        self.regions: list[CodeRegion] = []
        self.connections: list[tuple[PortHandle, PortHandle]] = []
        self.streams: list[Stream] = []

    def create_code_region(self, source: str, name: str, width: int, height: int) -> CodeRegion:
        """A region of `width` × `height` PEs that run the file `source`."""
        width = integer(f"region {name!r}: width", width)
        height = integer(f"region {name!r}: height", height)
        if width < 1 or height < 1:
            raise ShapeError(f"region {name!r} has {width} × {height} PEs; expected at least 1 × 1")
        arch = target(self.platform.target.value)
        if width > arch.fabric[0] or height > arch.fabric[1]:
            raise ResourceError(
                f"region {name!r} has {width} × {height} PEs; {arch.name} has "
                f"{arch.fabric[0]} × {arch.fabric[1]}"
            )
        if any(region.name == name for region in self.regions):
            raise LayoutError(f"two regions are called {name!r}")
        region = CodeRegion(str(source), name, width, height)
        self.regions.append(region)
        return region

    # Places

    def hstack(self, children: Sequence[CodeRegion], origin: IntVector | None = None) -> int:
        """Place regions side by side from `origin`, or from the first one's place; their width."""
        return self._stack(children, origin, horizontal=True)

    def vstack(self, children: Sequence[CodeRegion], origin: IntVector | None = None) -> int:
        """Place regions below each other from `origin`, or the first one's place; their height."""
        return self._stack(children, origin, horizontal=False)

    def _stack(
        self, children: Sequence[CodeRegion], origin: IntVector | None, *, horizontal: bool
    ) -> int:
        if not children:
            raise LayoutError("hstack and vstack need at least one region")
        place = children[0].at or IntVector(0, 0) if origin is None else origin
        x, y = pair("hstack and vstack: the origin", place)
        length = 0
        for region in children:
            region.place(x + length * horizontal, y + length * (not horizontal))
            length += region.width if horizontal else region.height
        return length

    # Connections

    def connect(self, tx: PortHandle, rx: PortHandle) -> None:
        """Lead what leaves at `tx` to `rx`; both have as many PEs.

        Raises:
            LayoutError: the ports have the wrong direction or different sizes, or are in use.
        """
        for port in (tx, rx):
            if not isinstance(port, PortHandle):
                raise DTypeError(f"connect: {port!r} is no port; create_output_port makes one")
        if tx.incoming or not rx.incoming:
            raise LayoutError(
                f"connect: {tx.name!r} is an {tx.kind} port and {rx.name!r} an {rx.kind} port; "
                "expected an output port, then an input port"
            )
        if tx.size != rx.size or len(tx.places) != len(rx.places):
            raise LayoutError(
                f"connect: {tx.name!r} has {tx.size} wavelets on {len(tx.places)} PEs, "
                f"{rx.name!r} {rx.size} on {len(rx.places)}; expected equal numbers"
            )
        self._check_free("connect", tx)
        self._check_free("connect", rx)
        self.connections.append((tx, rx))

    def create_input_stream(
        self, port: PortHandle, io_loc: IntVector | None = None, io_buffer_size: int = IO_BUFFER
    ) -> str:
        """Let the host send to an input port; the result names it for `SdkRuntime.send`."""
        return self._port_stream("create_input_stream", port, io_loc, io_buffer_size)

    def create_output_stream(
        self, port: PortHandle, io_loc: IntVector | None = None, io_buffer_size: int = IO_BUFFER
    ) -> str:
        """Let the host receive from an output port; for `SdkRuntime.receive`."""
        return self._port_stream("create_output_stream", port, io_loc, io_buffer_size)

    def create_input_stream_from_loc(self, loc: IntVector, color: Color, prefix: str = "") -> str:
        """Let the host send to the region at `loc`, where `color` is painted to come in."""
        return self._loc_stream(True, loc, color, prefix)

    def create_output_stream_from_loc(self, loc: IntVector, color: Color, prefix: str = "") -> str:
        """Let the host receive what `color`, painted at `loc`, leads out of the region."""
        return self._loc_stream(False, loc, color, prefix)

    def _port_stream(self, call: str, port: PortHandle, io_loc: Any, buffer: int) -> str:
        incoming = call == "create_input_stream"
        if not isinstance(port, PortHandle):
            raise DTypeError(f"{call}: {port!r} is no port; create_input_port makes one")
        if port.incoming is not incoming:
            raise LayoutError(f"{call}: {port.name!r} is an {port.kind} port")
        if len(port.places) != 1:
            raise UnsupportedError(
                f"{call}: a host stream on {port.name!r}, which has {len(port.places)} PEs",
                hint="lead it through a region with one PE at that edge",
            )
        if not 1 <= integer(f"{call}: io_buffer_size", buffer) <= LAST_BUFFER:
            raise LayoutError(
                f"{call}: io_buffer_size is {buffer}; expected 1 to {LAST_BUFFER} words"
            )
        self._check_free(call, port)
        at = None if io_loc is None else IntVector(*pair(f"{call}: io_loc", io_loc))
        self._add(Stream(port.name, incoming, port.color, port, None, at, buffer))
        return port.name

    def _loc_stream(self, incoming: bool, loc: Any, color: Color, prefix: str) -> str:
        if not isinstance(color, Color):
            raise DTypeError(f"stream at {loc!r}: {color!r} is not a Color")
        name = "_".join(part for part in (prefix, color.get_global_name()) if part)
        at = IntVector(*pair(f"stream of {name!r}: loc", loc))
        self._add(Stream(name, incoming, color, None, at))
        return name

    def _add(self, stream: Stream) -> None:
        if any(other.name == stream.name for other in self.streams):
            raise LayoutError(f"two streams are called {stream.name!r}; give one of them a prefix")
        self.streams.append(stream)

    def _check_free(self, call: str, port: PortHandle) -> None:
        for tx, rx in self.connections:
            if port in (tx, rx):
                raise LayoutError(
                    f"{call}: {port.name!r} is already connected, {tx.name!r} to {rx.name!r}"
                )
        if any(stream.port is port for stream in self.streams):
            raise LayoutError(f"{call}: {port.name!r} already has a stream to the host")

    # Compiling

    def compile(
        self,
        out_prefix: str,
        libs: Sequence[str] = (),
        cslc_prefix: str = "",
        save_port_map: bool = False,
        f16_type: FP16TYPE = FP16TYPE.F16,
    ) -> SdkCompileArtifacts:
        """Place, route, choose colours, and compile into the directory `out_prefix`.

        `libs` are folders searched for imports. The port map is written whatever `save_port_map`
        says.

        Raises:
            LayoutError: regions overlap, a route is incomplete, or a connection finds no way.
            ResourceError: the colours do not suffice.
            ParseError: a CSL file has errors.
        """
        from pyflame.runtime.host.sdklayout.build import build

        gaps = []
        if cslc_prefix:
            gaps.append(
                Gap(
                    f"SdkLayout.compile: cslc_prefix={cslc_prefix!r}",
                    "",
                    "the compiler is PyFlame's own",
                )
            )
        if gaps:
            raise UnsupportedError(gaps)
        build(self, Path(out_prefix), [Path(lib) for lib in libs], f16_type.value)
        return SdkCompileArtifacts(str(out_prefix))
