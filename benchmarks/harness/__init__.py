"""The half that drives: environments, servers, workers, rounds and tables; stdlib only."""
