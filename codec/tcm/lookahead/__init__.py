"""Looking ahead at half size: costs, motion, scene cuts, adaptive QP and CUTree; frames in, frames with offsets out.

`half` halves a frame, `intra` and `search` cost its blocks (`satd`), `scenecut` finds key frames, `cutree` follows what
later frames build on, `offsets` makes whole numbers, `lookahead` runs it all over a clip, `maps` shows it.
"""
