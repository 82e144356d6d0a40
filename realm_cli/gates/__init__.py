"""Gates: thresholds held against a CompetenceReport, as pure functions of it."""
