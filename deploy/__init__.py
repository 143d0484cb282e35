"""How the product is run.

local/     the tracking server and the inference service behind `make demo`, on one machine
tracking/  the tracking server of a team: who may do what on it
"""
