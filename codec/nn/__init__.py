"""Bricks that several networks share: activation, 1x1 and re-parameterised 3x3 convolutions, units."""
