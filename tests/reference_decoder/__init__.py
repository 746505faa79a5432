"""A second TNC decoder, written from FORMAT.md alone: NumPy and the standard library, slow, no import of `codec`.

That it reads every stream of the conformance set is the proof that the page says all there is to say.
"""
