"""Damaged streams by the hundred thousand: see `mutate.py` for the seeded run and `fuzz_decode.py` for atheris."""
