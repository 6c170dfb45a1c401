"""Facts about the hardware: WSE-2 and WSE-3 as frozen records, each number with its source.

No hardware number stands anywhere else in PyFlame. Source tags in the comments:
D = official SDK documentation (1.4 and 2.10), E = Cerebras csl-examples, H = Hot Chips 34 / 2024,
P = Luczynski et al., HPDC'24 (near-optimal wafer-scale reduce), L = logs in public repositories,
G = our guess, where sources are silent or disagree.
"""

from __future__ import annotations

from pyflame.arch.cycles import CycleModel
from pyflame.arch.wse import TARGETS, WSE2, WSE3, Arch, target

__all__ = ["TARGETS", "WSE2", "WSE3", "Arch", "CycleModel", "target"]
