"""A second decoder of pictures and video, written from FORMAT.md alone: NumPy and the standard library, slow.

It imports nothing of `codec`. That it reads every stream of the conformance sets is the proof that the page says all
there is to say.
"""
