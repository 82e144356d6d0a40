"""Models among the annotators."""


def looks_like_model(annotator_id: str) -> bool:
    """Whether an annotator's id names a language model."""
    return annotator_id.startswith("model:")
