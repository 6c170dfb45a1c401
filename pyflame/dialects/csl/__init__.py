"""`csl_ext`: what xDSL's `csl` dialect lacks of CSL, as ops beside it.

The name `csl` is xDSL's, and a universe refuses two dialects of one name; programs of this level
use both dialects together. See docs/dialects/csl.md.
"""

from __future__ import annotations

from xdsl.ir import Dialect

from pyflame.dialects.csl.declarations import DECLARATIONS
from pyflame.dialects.csl.dsd import DSDS
from pyflame.dialects.csl.tasks import TASKS
from pyflame.dialects.csl.types import DsrType, FifoType, IdType, RouteAttr, SwitchAttr

OPS = (*DECLARATIONS, *DSDS, *TASKS)
"""Every op class of the dialect."""

CslExt = Dialect("csl_ext", list(OPS), [IdType, DsrType, FifoType, RouteAttr, SwitchAttr])
"""The dialect object."""
