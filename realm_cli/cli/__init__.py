"""The command line: one file a command; parse flags, call the pipeline, print."""
