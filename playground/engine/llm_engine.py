"""The live model as the rest of the house sees it: `protocol.Engine` over one model that never goes away."""

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import torch

from playground.engine.attention_check import AttentionSupport
from playground.engine.canary import Canary
from playground.engine.engine_core import STOPPING, EngineCore
from playground.engine.kv_cache import kv_cache_capacity
from playground.engine.layers.executor import executor_of
from playground.engine.layers.kernel_cache import kernel_choices
from playground.engine.lora import MultiLora, adapter_cache_bytes
from playground.engine.output_collector import RequestOutputCollector
from playground.engine.sampler import check_number, check_sampling
from playground.engine.scoring import LogprobsSequence
from playground.engine.sequence import GenerateSequence, ServedModel, StepLimits
from playground.engine.sequential.caches import SequenceCaches
from playground.engine.sequential.check import SequentialSupport, look_at
from playground.engine.structured_output import StructuredOutputs
from playground.errors import AdapterError, InputError, TooLongError
from playground.memory import out_of_memory
from playground.models.loader import LoadedModel
from playground.process import in_own_thread
from playground.protocol.engine import EngineStatus, SwapReceipt
from playground.protocol.messages import BASE
from playground.protocol.requests import ContinuationLogprobs, GenerateRequest, LogprobsRequest

log = logging.getLogger(__name__)

MAX_NUM_SEQS, MAX_NUM_SEQS_ON_GPU = 16, 64
"""So many are answered at once: on a card of memory bandwidth, more cost hardly more."""
_TYPICAL_TOKENS = 2048
MAX_QUEUED_REQUESTS = 64
MAX_STRENGTH = 1.5
MAX_TOP_LOGPROBS = 20
MAX_DEADLINE_S = 24 * 3600.0


def num_seqs_for(max_total_tokens: int, device: torch.device) -> int:
    """How many requests may run at once where they may hold so many tokens together."""
    if device.type != "cuda":
        return MAX_NUM_SEQS
    return max(MAX_NUM_SEQS, min(MAX_NUM_SEQS_ON_GPU, max_total_tokens // _TYPICAL_TOKENS))


class LLMEngine:
    """Implements `protocol.Engine`. Thread-safe; from now on it alone may touch the model. Raises `ModelError`."""

    def __init__(
        self,
        loaded: LoadedModel,
        *,
        max_num_seqs: int = 0,
        max_queued_requests: int = MAX_QUEUED_REQUESTS,
        max_adapter_cache_bytes: int = 0,
        max_total_tokens: int = 0,
        kernel_cache: Path | None = None,
        on_spoiled: Callable[[], None] = lambda: None,
    ) -> None:
        """`max_num_seqs` bounds how many run, `max_total_tokens` what they hold together, `max_adapter_cache_bytes`
        what adapters do; 0 lets the device and the free memory decide.
        `kernel_cache` is where the kernels that were measured to be the fastest are remembered. `on_spoiled` is called
        once the GPU can do nothing more in this process."""
        self._loaded = loaded
        self._executor = executor_of(loaded.model)
        if self._executor.choices is None:
            self._executor.use(kernel_choices(self._executor, loaded, kernel_cache))
        tokenizer = loaded.tokenizer
        self._attention = loaded.model.config._attn_implementation
        support = look_at(loaded.model, self._executor, loaded.info.name)
        self.one_at_a_time = isinstance(support, SequentialSupport)
        max_total_tokens = max_total_tokens or kv_cache_capacity(support.bytes_per_token, loaded.device)
        room = min(tokenizer.context_length, support.max_context, max_total_tokens)
        vocabulary = loaded.model.get_input_embeddings().num_embeddings
        ends = tuple(token for token in tokenizer.eos_token_ids if 0 <= token < vocabulary)
        limits = StepLimits.of(loaded.device)
        self._served = ServedModel(loaded.model, tokenizer.decode_output, ends, room, limits)
        self._structured = StructuredOutputs(tokenizer.transformers_tokenizer, vocabulary, ends)
        self._lora = MultiLora(
            loaded.model, loaded.device, max_adapter_cache_bytes or adapter_cache_bytes(loaded.device)
        )
        self._kv_bytes = max_total_tokens * support.bytes_per_token if loaded.device.type == "cuda" else 0
        self._lock = threading.Lock()
        self._receipts: dict[str, tuple[Path, SwapReceipt]] = {}
        self._leaving: set[str] = set()
        self._loading = threading.Lock()
        self._core = EngineCore(
            loaded.model,
            self._lora,
            max_num_seqs or num_seqs_for(max_total_tokens, loaded.device),
            max_queued_requests,
            max_total_tokens,
            tokenizer.template_prefix_ids,
            on_spoiled,
            limits.prefill_tokens if support.continues else room,
            None if isinstance(support, AttentionSupport) else SequenceCaches(support.continues, support.held),
        )
        self._canary = self._core.call_between_steps(lambda: Canary(self._core.runner, self._lora, vocabulary))

    @property
    def memory_bytes(self) -> int:
        """What the weights take, in whatever layouts they are kept."""
        return self._executor.memory_bytes()

    @property
    def max_adapter_numbers(self) -> int:
        """How many numbers an adapter may have to be held beside the model."""
        return self._lora.max_adapter_numbers

    @property
    def kernels(self) -> dict[str, tuple[str, ...]]:
        """How layers are multiplied for one token, a few, many and a prompt, by the layers' names."""
        return self._executor.described()

    def submit(self, request: GenerateRequest) -> RequestOutputCollector:
        """Queue a request; a JSON schema may take seconds to be read.

        Raises `InputError`, `AdapterError`, `BusyError`, `EngineError`.
        """
        check_sampling(request.sampling)
        check_number("top_logprobs", request.top_logprobs, int, 0, MAX_TOP_LOGPROBS)
        self._check(request, continuation=1)
        schema = request.sampling.json_schema
        matcher = self._structured.matcher(schema) if schema else None
        generation = RequestOutputCollector(self.abort)
        self._core.add_request(GenerateSequence(request, generation, self._served, matcher))
        return generation

    async def compute_logprobs(self, request: LogprobsRequest) -> list[ContinuationLogprobs]:
        """Score continuations, in their order. Raises as `submit` does; cancelling the task aborts it."""
        check_number("top_logprobs", request.top_logprobs, int, 0, MAX_TOP_LOGPROBS)
        self._check(request, continuation=max((len(row) for row in request.continuations), default=0))
        for row in request.continuations:
            self._check_tokens(row)
        if not request.continuations:
            return []
        future: Future[list[ContinuationLogprobs]] = Future()
        seq = LogprobsSequence(request, future, self._served)
        self._core.add_request(seq)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            self.abort(seq.request_id)
            raise

    def abort(self, request_id: str) -> None:
        """Stop a request before its next step; one that is unknown or finished is left alone."""
        self._core.scheduler.abort(lambda seq: seq.request_id == request_id)

    def load_adapter(self, key: str, folder: Path) -> SwapReceipt:
        """Swap an adapter in between two steps; blocks. Raises `AdapterError`, and then nothing has changed."""
        started = time.perf_counter()
        if key == BASE:
            raise AdapterError("The name '{adapter}' means no adapter. Choose another.", adapter=key)
        if (receipt := self._receipt_of(key, folder)) is not None:
            return receipt
        with self._loading:  # one at a time: what is being read is not in the budget yet
            return self._load(key, folder, started)

    def _load(self, key: str, folder: Path, started: float) -> SwapReceipt:
        try:
            adapter = in_own_thread(lambda: self._lora.read(folder))
        except Exception as error:
            if not out_of_memory(error):
                raise
            raise AdapterError("There is not enough memory to load this adapter. Try again later.") from error

        def swap() -> SwapReceipt | None:
            if (already := self._receipt_of(key, folder)) is not None:
                return already
            if key in self._leaving or not self._lora.evict_until_fits(
                adapter.size_bytes, self._core.scheduler.adapters_in_use()
            ):
                return None
            self._lora.add(key, folder, adapter)
            try:
                receipt = self._measure(key, started)
            except Exception:
                self._lora.remove(key)
                raise
            with self._lock:
                self._receipts[key] = (folder, receipt)
            return receipt

        return self._core.call_between_steps(swap)

    def unload_adapter(self, key: str) -> None:
        """Forget an adapter; blocks until the last request that uses it has ended. Raises `AdapterError`."""
        with self._lock:
            if key not in self._receipts or key in self._leaving:
                raise AdapterError("There is no adapter '{adapter}'. Choose another.", adapter=key)
            self._leaving.add(key)

        def drop() -> bool | None:
            if self._core.scheduler.is_adapter_wanted(key):
                return None
            self._core.scheduler.prefix_cache.forget_adapter(key)
            with self._lock:
                self._lora.remove(key)
                self._receipts.pop(key, None)
                self._leaving.discard(key)
            return True

        try:
            self._core.call_between_steps(drop)
        finally:  # whatever the loop failed with, the name must not stay reserved
            with self._lock:
                self._leaving.discard(key)

    def forget_owner(self, owner: str) -> None:
        """Keep nothing that was computed for an owner alone; blocks until the running step is over."""
        self._core.call_between_steps(lambda: self._core.scheduler.prefix_cache.forget_owner(owner))

    @property
    def context_length(self) -> int:
        """Tokens that a request may hold, its answer included: where memory or the way the model is read allow less
        than its configuration says, this is less too."""
        return self._served.context_length

    def status(self) -> EngineStatus:
        scheduler = self._core.scheduler
        kept_gib = round(scheduler.prefix_cache.size_bytes / 2**30, 2)
        kept_bytes = 0
        if self._kv_bytes:
            kept_bytes = max(0, self._kv_bytes - scheduler.kv_cache.size_bytes()) + self._lora.unused_bytes
        step_s = round(self._core.step_s(), 4)
        return EngineStatus(*scheduler.num_requests(), self._lora.resident, kept_gib, step_s, kept_bytes)

    def set_threads(self, threads: int) -> None:
        """Use this many CPU threads from the next step on. Raises `InputError`."""
        check_number("threads", threads, int, 1, 1024)

        def change() -> bool:
            torch.set_num_threads(threads)
            return True

        self._core.call_between_steps(change)

    def close(self, why: str = STOPPING) -> None:
        """Stop the engine's thread; what runs, waits or comes later fails with this sentence. May be called twice."""
        self._core.close(why)
        self._loaded.model.set_attn_implementation(self._attention)

    def _measure(self, key: str, started: float) -> SwapReceipt:
        change = self._canary.max_logit_change(key)
        if not math.isfinite(change):
            raise AdapterError("With this adapter the model's numbers overflow, so it cannot be used.")
        unchanged = self._canary.base_unchanged()
        if not unchanged:
            log.error("the base model answers differently after loading adapter %s", key)
        return SwapReceipt(max_logit_change=change, base_unchanged=unchanged, load_s=time.perf_counter() - started)

    def _receipt_of(self, key: str, folder: Path) -> SwapReceipt | None:
        """The receipt of a loaded adapter. Raises `AdapterError` when the key belongs to another folder.

        Where that one is gone, the adapter has moved, and is read from its new place from now on.
        """
        with self._lock:
            there = self._receipts.get(key)
            if there is None or key in self._leaving:
                return None
            if there[0] != folder and not there[0].exists():
                self._receipts[key] = (folder, there[1])
                self._lora.moved(key, folder)
            elif there[0] != folder:
                raise AdapterError("The name '{adapter}' is taken. Unload that adapter first.", adapter=key)
            return there[1]

    def _check(self, request: GenerateRequest | LogprobsRequest, continuation: int) -> None:
        check_number("strength", request.strength, float, 0.0, MAX_STRENGTH)
        if request.deadline_s is not None:
            check_number("deadline_s", request.deadline_s, float, 0.0, MAX_DEADLINE_S)
        if not self._lora.known(request.adapter) or request.adapter in self._leaving:
            raise AdapterError("There is no adapter '{adapter}'. Choose another.", adapter=request.adapter)
        if not request.prompt_token_ids:
            raise InputError("The text is empty. Write something first.")
        self._check_tokens(request.prompt_token_ids)
        room = self._served.context_length
        if len(request.prompt_token_ids) + continuation > room:
            raise TooLongError(
                "The text is too long: it takes {tokens} tokens, and the model can read {room} at once, its answer "
                "included. Shorten it.",
                tokens=len(request.prompt_token_ids),
                room=room,
            )

    def _check_tokens(self, tokens: Sequence[int]) -> None:
        vocabulary = self._served.vocabulary
        if any(not isinstance(token, int) or not 0 <= token < vocabulary for token in tokens):
            raise InputError("The request holds a token that this model does not know.")
