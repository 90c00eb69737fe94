"""How members confer over a question: one file for each protocol, its prompts as templates beside it."""

from mlpo_bench.protocols._build import RESERVED, build, read_setting, setting_names
from mlpo_bench.protocols._counts import calls, check_counts
from mlpo_bench.protocols.base import PROTOCOLS, Depth, Draws, Family, Protocol, counted
from mlpo_bench.protocols.conversation import Setting
from mlpo_bench.protocols.critique import Critique
from mlpo_bench.protocols.debate import Debate
from mlpo_bench.protocols.extend import Extend
from mlpo_bench.protocols.interventions import Alteration, Intervention
from mlpo_bench.protocols.leader import Leader
from mlpo_bench.protocols.mixture import Mixture, SelfMixture
from mlpo_bench.protocols.oracle import Oracle
from mlpo_bench.protocols.pick import Pick
from mlpo_bench.protocols.recursive import Recursive
from mlpo_bench.protocols.refine import Refine
from mlpo_bench.protocols.room import Room, Seat
from mlpo_bench.protocols.seeding import shuffler
from mlpo_bench.protocols.select import Select
from mlpo_bench.protocols.solo import Solo
from mlpo_bench.protocols.think import Think
from mlpo_bench.protocols.transcript import Cost, StandIns, Transcript, Turn
from mlpo_bench.protocols.vote import Vote, majority
from mlpo_bench.protocols.weighted import Weighted


__all__ = [
    "PROTOCOLS",
    "RESERVED",
    "Alteration",
    "Cost",
    "Critique",
    "Debate",
    "Depth",
    "Draws",
    "Extend",
    "Family",
    "Intervention",
    "Leader",
    "Mixture",
    "Oracle",
    "Pick",
    "Protocol",
    "Recursive",
    "Refine",
    "Room",
    "Seat",
    "Select",
    "SelfMixture",
    "Setting",
    "Solo",
    "StandIns",
    "Think",
    "Transcript",
    "Turn",
    "Vote",
    "Weighted",
    "build",
    "calls",
    "check_counts",
    "counted",
    "majority",
    "read_setting",
    "setting_names",
    "shuffler",
]
