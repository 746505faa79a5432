"""Stages 3 and 4: a second synthesis for the same streams, trained to look right rather than to have a high PSNR."""
