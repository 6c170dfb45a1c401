"""The appliance's packages: refused at import, so that scripts with a fallback take it."""

from pyflame.runtime.host.absent import AbsentPackageError

raise AbsentPackageError(
    __name__,
    "packages of Cerebras appliances",
    "import MemcpyDataType and MemcpyOrder from cerebras.sdk.runtime.sdkruntimepybind",
)
