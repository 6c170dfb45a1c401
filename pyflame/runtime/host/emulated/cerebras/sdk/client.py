"""The appliance's client: refused at import, so that scripts with a fallback take it."""

from pyflame.runtime.host.absent import AbsentPackageError

raise AbsentPackageError(
    __name__,
    "the client of Cerebras appliances",
    "import SdkRuntime from cerebras.sdk.runtime.sdkruntimepybind and compile with cslc",
)
