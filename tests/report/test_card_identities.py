"""The model card knows how many annotators there were, and none of them."""

from __future__ import annotations

import pytest
import report_samples as samples

from realm_cli.report.model_card import model_card


@pytest.mark.parametrize("report", [samples.full(), samples.crowd(40)])
def test_no_annotator_is_named(report):
    card = model_card(report, samples.trained_model(report))
    assert f"{report.summary.n_annotators} annotators" in card
    named = [one.annotator_id for one in report.annotators if one.annotator_id in card]
    assert named == []
