"""Training of the networks: data, losses, optimiser, stages, evaluation, export."""
