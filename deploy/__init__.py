"""How the product is run; so far, all of it on one machine.

local/   the tracking server and the inference service behind `make demo`
"""
