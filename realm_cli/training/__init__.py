"""Model and expertise learned together, through transformers' Trainer."""
