"""The verbs of the `tnc` command, one file each: `add_arguments(parser)` and `run(args)`."""
