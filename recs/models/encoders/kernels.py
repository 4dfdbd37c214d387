"""Linear layers, with the operation after them in the same kernel if torch has such a kernel.

torch uses oneDNN for bfloat16 on a processor. oneDNN multiplies faster if it may keep the weights in its own order, and
it can apply GELU or add the residual before the product leaves the registers. These operators are private to torch. So
they are used only after a test in which they gave the right result.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier
from typing import Any

from recs.errors import EmbeddingError


def enter_torch(device: str) -> None:
    """Prepare torch for this thread; call this before each use of torch.

    A child made by fork has none of the threads of torch, and would wait for them without end. So it computes with one
    thread. `EmbeddingError` if the child would use a GPU, which is impossible after its parent has used one.
    """
    if os.getpid() == _first_process():
        return
    if device != "cpu":
        raise EmbeddingError(
            f"a process made by fork cannot compute on {device} after its parent has used torch; make it with spawn"
            " (multiprocessing.get_context('spawn')), or take the device cpu."
        )
    import torch

    torch.set_num_threads(1)


@cache
def _first_process() -> int:
    """Return the id of the process in which recs used torch first: this one, or one that it was forked from."""
    return os.getpid()


class Linear:
    """x Wᵀ + b for x of shape (n, i), with GELU or a residual after it.

    The weight is a float32 tensor (o, i); the bias has shape (o,) or is None. `dtype` and `device` are those of x and
    of the result.
    """

    def __init__(self, weight: Any, bias: Any, *, dtype: Any, device: str) -> None:
        import torch

        self._ops = torch.ops.mkldnn
        self._functional = torch.nn.functional
        self._bias = None if bias is None else bias.to(device, dtype)
        self._fused = device == "cpu" and has_fused_linear(dtype)
        self._weight = weight.to(device, dtype)
        if self._fused:
            self._weight = self._ops._reorder_linear_weight(self._weight)

    def __call__(self, x: Any) -> Any:
        if self._fused:
            return self._ops._linear_pointwise(x, self._weight, self._bias, "none", [], "")
        return self._functional.linear(x, self._weight, self._bias)

    def gelu(self, x: Any, approximate: str) -> Any:
        """Return GELU of the product: exact for "none", approximated for "tanh"."""
        if self._fused:
            return self._ops._linear_pointwise(x, self._weight, self._bias, "gelu", [], approximate)
        return self._functional.gelu(self(x), approximate=approximate)

    def add(self, x: Any, residual: Any) -> Any:
        """Return the product plus the residual."""
        if self._fused:
            return self._ops._linear_pointwise.binary(x, residual, self._weight, self._bias, "add")
        return self(x) + residual


@cache
def has_fused_linear(dtype: Any) -> bool:
    """Whether this torch has the private operators, and they give the same results as the plain ones."""
    import torch
    from torch.nn.functional import gelu, linear

    generator = torch.Generator().manual_seed(0)
    x, weight, bias = (torch.randn(shape, generator=generator).to(dtype) for shape in ((3, 32), (64, 32), (64,)))
    plain = linear(x.double(), weight.double(), bias.double())
    try:
        ops = torch.ops.mkldnn
        packed = ops._reorder_linear_weight(weight)
        pairs = [
            (ops._linear_pointwise(x, packed, bias, "none", [], ""), plain),
            (ops._linear_pointwise(x, packed, None, "gelu", [], "none"), gelu(plain - bias.double())),
            (ops._linear_pointwise.binary(x, x.repeat(1, 2), packed, bias, "add"), plain + x.repeat(1, 2).double()),
        ]
    except (AttributeError, RuntimeError, NotImplementedError, TypeError):
        return False
    bound = 2 * torch.finfo(dtype).eps * float(plain.abs().max())
    return all(float((ours.double() - exact).abs().max()) < bound for ours, exact in pairs)


@cache
def workers(count: int) -> ThreadPoolExecutor:
    """Return a pool of threads; in each, torch computes with one thread.

    torch itself splits every operation among threads that wait for each other. The threads of the pool do not wait.
    That is many times faster if other programs use the processor, and a little faster if none do.
    """
    import torch

    ready = Barrier(count + 1)

    def begin() -> None:
        torch.get_num_threads()  # reads the number that is set for all threads; torch does this only once
        torch.set_num_threads(1)
        ready.wait()

    pool = ThreadPoolExecutor(count, "recs-encoder", initializer=begin)
    for _ in range(count):
        pool.submit(int)
    ready.wait()
    torch.set_num_threads(count)  # for this thread and for later ones
    return pool
