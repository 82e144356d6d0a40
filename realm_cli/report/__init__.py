"""The competence report: what it holds, how it is built, and its renderers."""
