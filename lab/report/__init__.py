"""What a run is shown as: table, chart and explanations."""
