"""How a run is shown: table, chart and explanations."""
