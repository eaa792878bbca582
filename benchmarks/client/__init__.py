"""The half that runs inside each peer's own environment: stdlib and that peer, nothing else."""
