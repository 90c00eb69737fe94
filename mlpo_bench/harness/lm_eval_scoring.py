"""Final texts on their way through lm-eval: its filters, its metrics, its means; few documents are held at a time."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from lm_eval.api.model import LM
from lm_eval.api.task import ConfigurableTask

from mlpo_bench.harness.verdicts import Verdict


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lm_eval.api.instance import Instance

    from mlpo_bench.harness.samples import Samples


AT_A_TIME = 1_000
"""How many documents lm-eval has at a time: its requests are many times what is kept of them."""


class Part(ConfigurableTask):
    """A part of a task's documents: lm-eval's own in all but where they come from."""

    def __init__(self, task: ConfigurableTask, docs: Sequence[dict[str, str]]) -> None:
        self.__dict__.update(task.__dict__)  # in place of lm-eval's constructor, which would build the data set again
        self._docs = docs

    def doc_iterator(self, **_: object) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield the documents with their places."""
        return enumerate(self._docs)


class Answered(Part):
    """The part of a task that one cell answered.

    lm-eval holds a request for each document it scores. Here one request stands for each of them in its turn, when
    lm-eval comes to its document. What scoring writes, it writes here, so that nothing of one cell is left for the
    next.

    Args:
        task: lm-eval's.
        samples: those of the suite.
        places: where those that were answered stand among them.
        finals: the final texts, those of these samples next.
        verdicts: where the verdict on each is put.
    """

    def __init__(
        self,
        task: ConfigurableTask,
        samples: Samples,
        places: Sequence[int],
        finals: Iterator[str],
        verdicts: list[Verdict],
    ) -> None:
        super().__init__(task, ())
        self._samples, self._places, self._finals, self._verdicts = samples, places, finals, verdicts
        self._instances = [samples[places[0]].asked(0, "")]

    def build_all_requests(self, **_: object) -> None:
        """Keep the one request there is."""

    def doc_iterator(self, **_: object) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield the documents, each while the request bears what the filters made of its final text."""
        (standing,) = self._instances
        for first in range(0, len(self._places), AT_A_TIME):
            for request in self._filtered(self._places[first : first + AT_A_TIME]):
                standing.filtered_resps = request.filtered_resps
                yield standing.doc_id, request.doc

    def _filtered(self, places: Sequence[int]) -> list[Instance]:
        requests = [self._samples[place].asked(0, next(self._finals)) for place in places]
        for each in self._filters:
            each.apply(requests)
        return requests

    def process_results(self, doc: dict[str, Any], results: Sequence[str]) -> dict[str, Any]:
        """Return the metrics of a filtered response, and take note of the verdict that they state."""
        metrics: dict[str, Any] = super().process_results(doc, results)
        self._verdicts.append(_verdict(None if metrics["unread"] else str(results[0]), bool(metrics["acc"])))
        return metrics


class Finished(LM):
    """The model that lm-eval scores: what was answered comes with the documents."""

    def generate_until(self, requests: Sequence[Instance]) -> list[str]:
        """Answer nothing."""
        return [""] * len(requests)

    def loglikelihood(self, requests: Sequence[Instance]) -> list[tuple[float, bool]]:
        """A finished answer has no likelihood."""
        raise NotImplementedError

    def loglikelihood_rolling(self, requests: Sequence[Instance]) -> list[float]:
        """A finished answer has no likelihood."""
        raise NotImplementedError


# There is a verdict on every question of a cell, most of them equal: these share one.
_verdict = functools.lru_cache(maxsize=1 << 12)(Verdict)
