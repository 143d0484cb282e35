"""How the product is run: so far as the whole stack on one machine.

local/   the tracking server and the inference service behind `make demo`
"""
