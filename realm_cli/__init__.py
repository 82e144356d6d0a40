"""realm: fine-tune a language model on labels from people you cannot fully trust."""

__version__ = "0.1.0"
