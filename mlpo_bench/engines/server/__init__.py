"""Asks a server that speaks OpenAI's protocol: vLLM's own, a cloud's, or any other.

Servers differ in all that the protocol leaves open, and in much that it does not. Each module knows one side of it:

- `transport`: bytes to the server and back, bounded in number and time; where the key goes.
- `request`: what is sent.
- `reply`: what an answer means. It is read into a `Reply`, or into that request's `EngineError`, whatever it holds.
  `failures` finds errors in it, `protocols` knows other forms, `endings` how a text ended, `tokens` what was counted.
- `stops`: where a text ends though its server wrote on.
- `refusals`: what a server says when it does not answer, in its own words; `hints`: which option would help.
- `pace`: how fast a server may be asked; `waits`: how long it asks to wait.
- `listing`: what a server tells of itself and its models; `facts`: what is kept of that, and enters identities.
- `engine`: puts them together, and asks again where that may help.
- `several`: several servers of one model, asked as one.
"""

from __future__ import annotations

from mlpo_bench.engines.server.engine import ServerEngine, connect
from mlpo_bench.engines.server.several import connect_each


__all__ = ["ServerEngine", "connect", "connect_each"]
