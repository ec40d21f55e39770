"""How far llama.cpp is ahead: `python -m tests.bench.llama_cpp`, after `pip install llama-cpp-python gguf`.

The same random 135M model in Q4_0 there and in NF4 here, greedy, one text and sixteen at once, in turns. llama.cpp
cannot give each text of a batch its own adapter; it is what the matrix products could cost. Only speed is compared:
its heads are not re-ordered for llama.cpp's rotary embedding, so its texts would differ.
"""

import ctypes
import tempfile
import time
from pathlib import Path

import llama_cpp
import torch
from gguf import GGUFWriter
from transformers import AutoModelForCausalLM

from tests.bench.engine import PROMPT, answer, in_turns
from tests.bench.subjects import Subject, prompts, random_135m, request, running

TOKENS = 48
NAMES = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subject = random_135m(Path(folder))
        theirs = Theirs(in_q4_0(subject, Path(folder)))
        print("| at once | ours, NF4 | llama.cpp, Q4_0 | share |\n|---|---|---|---|")
        with running(subject) as engine:
            for count in (1, 16):
                asked = prompts(subject.vocabulary, count, PROMPT)
                batch = [request(one, TOKENS) for one in asked]
                ours, other = in_turns(3, lambda batch=batch: answer(engine, batch), lambda a=asked: theirs.answer(a))
                speeds = [count * TOKENS / seconds for seconds in (ours, other)]
                print(f"| {count} | {speeds[0]:.0f} tokens/s | {speeds[1]:.0f} tokens/s | {other / ours:.2f}× |")


class Theirs:
    """llama.cpp's own batch: one token for each text a step, the best one."""

    def __init__(self, file: Path) -> None:
        self._model = llama_cpp.llama_load_model_from_file(str(file).encode(), llama_cpp.llama_model_default_params())
        options = llama_cpp.llama_context_default_params()
        options.n_ctx, options.n_batch, options.n_seq_max = 16 * 128, 2048, 16
        options.n_threads = options.n_threads_batch = torch.get_num_threads()
        self._context = llama_cpp.llama_new_context_with_model(self._model, options)
        self._batch = llama_cpp.llama_batch_init(2048, 0, 1)

    def answer(self, asked: list[list[int]]) -> float:
        began = time.perf_counter()
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context), True)
        rows = [(token, at, text) for text, prompt in enumerate(asked) for at, token in enumerate(prompt)]
        lasts = self._decode(rows, [at == PROMPT - 1 for _, at, _ in rows])
        for step in range(TOKENS - 1):
            rows = [(self._best(last), PROMPT + step, text) for text, last in enumerate(lasts)]
            lasts = self._decode(rows, [True] * len(rows))
        return time.perf_counter() - began

    def _decode(self, rows: list[tuple[int, int, int]], wanted: list[bool]) -> list[int]:
        self._batch.n_tokens = len(rows)
        for index, ((token, at, text), want) in enumerate(zip(rows, wanted, strict=True)):
            self._batch.token[index], self._batch.pos[index] = token, at
            self._batch.n_seq_id[index], self._batch.seq_id[index][0] = 1, text
            self._batch.logits[index] = want
        if llama_cpp.llama_decode(self._context, self._batch):
            raise RuntimeError("llama.cpp could not decode the batch")
        return [index for index, want in enumerate(wanted) if want]

    def _best(self, index: int) -> int:
        size = llama_cpp.llama_n_vocab(llama_cpp.llama_model_get_vocab(self._model))
        logits = llama_cpp.llama_get_logits_ith(self._context, index)
        address = ctypes.cast(logits, ctypes.c_void_p).value
        return int(torch.frombuffer((ctypes.c_float * size).from_address(address), dtype=torch.float32).argmax())


def in_q4_0(subject: Subject, folder: Path) -> Path:
    """Write the model for llama.cpp and have it quantized there."""
    model = AutoModelForCausalLM.from_pretrained(subject.folder, dtype=torch.float32)
    config = model.config
    full, small = folder / "full.gguf", folder / "q4_0.gguf"
    writer = GGUFWriter(full, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("none")
    for name, weight in model.named_parameters():
        writer.add_tensor(_their_name(name), weight.detach().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    options = llama_cpp.llama_model_quantize_default_params()
    options.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0
    if llama_cpp.llama_model_quantize(str(full).encode(), str(small).encode(), ctypes.byref(options)):
        raise RuntimeError("llama.cpp could not quantize the model")
    return small


def _their_name(name: str) -> str:
    name = name.removeprefix("model.").removesuffix(".weight")
    if name.startswith("layers."):
        _, layer, rest = name.split(".", 2)
        return f"blk.{layer}.{NAMES[rest]}.weight"
    return {"embed_tokens": "token_embd", "norm": "output_norm"}[name] + ".weight"


if __name__ == "__main__":
    main()
