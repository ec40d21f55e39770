"""A tiny model that was taught to think before it answers, and chat templates of the kinds in use."""

from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tests.support.tiny import CHATML, make_tokenizer

_OPENS = "{{ '<|im_start|>assistant\n' }}"
_EMPTY = "<think>\n\n</think>\n\n"
SWITCHED = CHATML.replace(
    _OPENS, _OPENS + "{% if enable_thinking is defined and not enable_thinking %}{{ '" + _EMPTY + "' }}{% endif %}"
)
"""As Qwen3's: a variable turns it off."""
OPENED = CHATML.replace(_OPENS, "{{ '<|im_start|>assistant\n<think>\n' }}")
"""As DeepSeek-R1's and QwQ's: every prompt ends in a thought."""
HARMONY = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}"
    "{{ '<|start|>assistant<|channel|>final<|message|>' + m['content'] + '<|return|>' }}{% else %}"
    "{{ '<|start|>' + m['role'] + '<|message|>' + m['content'] + '<|end|>' }}{% endif %}{% endfor %}"
    "{# analysis #}{% if add_generation_prompt %}{{ '<|start|>assistant' }}{% endif %}"
)
"""As gpt-oss': the model names its channel, in special tokens."""
CHANNELS = ("<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|return|>")
ASKED = ("Hello", "How are you?", "Tell a story.", "Translate to German:\n\nThe dog.", "What is it?")
THOUGHT, ANSWER = "The question is about the garden.", "The little dog liked to sleep."
_STEPS, _GOOD = 400, 0.15


def thinking_tokenizer(chat_template: str) -> PreTrainedTokenizerFast:
    tokenizer = make_tokenizer(chat_template)
    tokenizer.add_tokens(["<think>", "</think>"])
    return tokenizer


def make_thinker(folder: Path, chat_template: str = SWITCHED) -> Path:
    """A Llama that thinks `THOUGHT` and answers `ANSWER`, or with an empty thought before it `ANSWER` at once."""
    torch.manual_seed(0)
    tokenizer = thinking_tokenizer(chat_template)
    config = LlamaConfig(
        vocab_size=576,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    _teach(model, tokenizer)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _teach(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    texts = [
        f"<|im_start|>user\n{asked}<|im_end|>\n<|im_start|>assistant\n{said}{ANSWER}<|im_end|>"
        for asked in ASKED
        for said in (f"<think>\n{THOUGHT}\n</think>\n\n", _EMPTY)
    ]
    batch = tokenizer(texts, return_tensors="pt", padding=True, padding_side="right")
    ids, mask = batch["input_ids"], batch["attention_mask"]
    labels = ids.masked_fill(mask == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(_STEPS):
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss < _GOOD:
            break
