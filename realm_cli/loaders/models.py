"""Models among the annotators, told by their names."""

from __future__ import annotations

import re

PREFIX = "model:"
"""What loaders put before the name of a model whose predictions an export holds."""

FAMILIES = re.compile(
    r"""
    (?:[\w.-]+/)?                                     # meta-llama/
    (?:
        gpt-?[2-9][\w.]*(?:-[\w.]+)*                  # gpt-4o, gpt-3.5-turbo-0613
      | chatgpt(?:-[\w.]+)*
      | o[1-4](?:-(?:mini|preview|pro)(?:-[\w.]+)*)   # o1-mini
      | text-(?:davinci|curie|babbage|ada)-\d+
      | claude-(?:\d|opus|sonnet|haiku|instant)[\w.]*(?:-[\w.]+)*
      | gemini-(?:\d|pro|ultra|flash|nano)[\w.]*(?:-[\w.]+)*
      | (?:meta-)?llama-?\d[\w.]*(?:-[\w.]+)*
      | mistral-(?:\d|tiny|small|medium|large|nemo)[\w.]*(?:-[\w.]+)*
      | mixtral(?:-[\w.]+)*
      | qwen-?\d?[\w.]*(?:-[\w.]+)*
      | deepseek(?:-[\w.]+)*
      | command-(?:r|light|a)\b(?:[\w.+]*-?)*
      | (?:vicuna|alpaca|falcon|gemma|phi|palm|yi|olmo|zephyr)-\d+[\w.]*(?:-[\w.]+)*
      | flan-t5-\w+ | bert-(?:base|large)[\w-]*
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Names of language models. A person's name must not fit: each needs a version or a size."""


def looks_like_model(annotator_id: str) -> bool:
    """Whether an annotator's id names a language model."""
    name = annotator_id.strip()
    return name.startswith(PREFIX) or FAMILIES.fullmatch(name) is not None
