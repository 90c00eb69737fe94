"""vLLM's worker for processors without instructions for 16-bit numbers. vLLM imports it, in a process of its own."""

from __future__ import annotations

from vllm.v1.worker.cpu_worker import CPUWorker

from mlpo_bench.engines import wide_products


class WideCPUWorker(CPUWorker):
    """Computes the model's products in 32 bits."""

    def load_model(self, *, load_dummy_weights: bool = False) -> None:
        """Load the model, as vLLM does, and widen it."""
        super().load_model(load_dummy_weights=load_dummy_weights)
        wide_products.widen(self.model_runner.model)
