"""How members confer over a question: one file for each protocol, its prompts as templates beside it."""

from mlpo_bench.protocols.base import Protocol
from mlpo_bench.protocols.conversation import Setting
from mlpo_bench.protocols.leader import Leader
from mlpo_bench.protocols.room import Cost, Room, Seat, Transcript, Turn
from mlpo_bench.protocols.solo import Solo
from mlpo_bench.protocols.vote import Vote, majority


__all__ = [
    "PROTOCOLS",
    "Cost",
    "Leader",
    "Protocol",
    "Room",
    "Seat",
    "Setting",
    "Solo",
    "Transcript",
    "Turn",
    "Vote",
    "majority",
]

PROTOCOLS: dict[str, type[Protocol]] = {cls.name: cls for cls in (Solo, Vote, Leader)}
