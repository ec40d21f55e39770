"""Tiny random models with real tokenizers, made on the spot: a chat model (Llama, ChatML) and a GPT-2 without chat."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from playground.protocol.model import ModelInfo

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + CHATML
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEXT = (
    "Once upon a time there was a little dog. The dog liked to run in the garden and to sleep in the sun.",
    "system user assistant: translate, summarize and answer the question about the text.",
    "Der kleine Hund schläft im Garten. Le petit chien dort dans le jardin. 小狗在花园里睡觉。",
    "The film was good, the food was bad, the weather is fine and the price was high.",
)


def make_tokenizer(chat_template: str | None) -> PreTrainedTokenizerFast:
    """A byte-level BPE of about 500 tokens, so that any text can be encoded."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=512, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator(TEXT * 4, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token=SPECIAL[2] if chat_template else SPECIAL[0],
        pad_token=SPECIAL[0],
        additional_special_tokens=["<|im_start|>"] if chat_template else [],
    )
    tokenizer.chat_template = chat_template
    return tokenizer


def make_llama(folder: Path, seed: int = 0, chat_template: str | None = CHATML, width: int = 64) -> Path:
    """A Llama of 2 layers, 64 wide (fits 4-bit) by default, vocabulary 512, context 512."""
    torch.manual_seed(seed)
    tokenizer = make_tokenizer(chat_template)
    config = LlamaConfig(
        vocab_size=512,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.15,  # wide enough that logits differ clearly and greedy text is not one repeated token
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return _save(LlamaForCausalLM(config), tokenizer, folder)


def make_gpt2(folder: Path, seed: int = 0) -> Path:
    """A GPT-2 of 2 layers (its linear layers are `Conv1D`), 64 wide, context 256, without a chat template."""
    torch.manual_seed(seed)
    tokenizer = make_tokenizer(None)
    config = GPT2Config(
        vocab_size=512,
        n_positions=256,
        n_embd=64,
        n_layer=2,
        n_head=4,
        initializer_range=0.15,
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return _save(GPT2LMHeadModel(config), tokenizer, folder)


def _save(model: torch.nn.Module, tokenizer: PreTrainedTokenizerFast, folder: Path) -> Path:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_info(**changes: object) -> ModelInfo:
    """Facts of a small model that is not loaded, for what only asks for them."""
    facts = {
        "id": "/models/tiny",
        "name": "tiny",
        "folder": Path("/models/tiny"),
        "fingerprint": "f" * 64,
        "num_parameters": 100_000,
        "weights_bytes": 400_000,
        "quantization": "none",
        "dtype": "fp32",
        "device": "cpu",
        "memory_gib": 0.001,
        "context_length": 512,
        "has_chat_template": True,
        "linear_modules": ("q_proj",),
    }
    return ModelInfo.model_validate(facts | changes)


def make_adapter(
    base: Path, folder: Path, seed: int = 1, targets: tuple[str, ...] = ("q_proj", "v_proj"), **options: object
) -> Path:
    """A real PEFT adapter for the model in `base`, with weights that change the answers clearly."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base)
    settings: dict[str, object] = {"r": 4, "lora_alpha": 8, "task_type": "CAUSAL_LM", "init_lora_weights": False}
    adapted = get_peft_model(model, LoraConfig(target_modules=list(targets), **(settings | options)))
    adapted.save_pretrained(folder)
    return folder


def damage(folder: Path, source: Path, change: str) -> Path:
    """A copy of an adapter with one thing wrong."""
    folder.mkdir()
    config = json.loads((source / "adapter_config.json").read_text())
    weights = load_file(source / "adapter_model.safetensors")
    first = next(iter(weights))
    if change == "nan":
        weights[first][0, 0] = float("nan")
    elif change == "shape":
        weights[first] = weights[first][:, :-1].contiguous()
    elif change == "half":
        del weights[first]
    elif change == "layer":
        weights = {key.replace("layers.1.", "layers.9."): value for key, value in weights.items()}
    elif change == "embedding":
        weights["base_model.model.model.embed_tokens.weight"] = torch.zeros(2, 2)
    elif change == "huge":
        weights = {key: value * 1e30 for key, value in weights.items()}
    elif change == "empty":
        weights = {}
    elif change != "pickle":
        config.update(json.loads(change))
    (folder / "adapter_config.json").write_text(json.dumps(config))
    if change == "pickle":
        torch.save(weights, folder / "adapter_model.bin")
    else:
        save_file(weights, folder / "adapter_model.safetensors")
    return folder
