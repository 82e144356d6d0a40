"""Labels and annotators without a language model."""
