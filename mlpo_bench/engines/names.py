"""What a model is called, and what it is called with an adapter."""

from __future__ import annotations


def full_name(model: str, adapter: str | None) -> str:
    """Return what a model is called with its adapter: `smollm2-135m+training/leaders/mine`."""
    return f"{model}+{adapter}" if adapter else model


def short_name(model: str, adapter: str | None) -> str:
    """Return what tables call a model with its adapter: `smollm2-135m+mine`."""
    return full_name(_last_part(model), adapter and _last_part(adapter))


def _last_part(name: str) -> str:
    return name.rstrip("/").rsplit("/", 1)[-1]
