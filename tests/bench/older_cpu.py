"""A benchmark as on a CPU without AVX-512, in a process that was started with `ATEN_CPU_CAPABILITY=avx2`.

PyTorch's own kernels follow that variable by themselves; oneDNN and MKL are told the same here, and whoever asks what
the CPU can do gets the same answer. What stays: bitsandbytes dequantizes with AVX-512, which happens at loading only,
and the memory and the caches are those of the newer CPU.
"""

import os

import torch

RESTRICTED = os.environ.get("ATEN_CPU_CAPABILITY", "").lower() == "avx2"


def hide_avx512() -> None:
    """Where it is to be hidden; call before anything is computed."""
    if not RESTRICTED:
        return
    from bitsandbytes.cextension import lib

    os.environ |= {"ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
    newer = ("avx512", "avx10", "amx")
    seen = {name: not name.startswith(newer) and can for name, can in torch.cpu.get_capabilities().items()}
    torch.cpu.get_capabilities = lambda: dict(seen)
    torch.ops.mkldnn._is_mkldnn_bf16_supported = lambda: False
    lib.has_avx512bf16_cpu = lambda: False
