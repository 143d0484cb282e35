"""`python -m features`: a program on top of the packages, for training's files go into a store."""

from training.store_cli import main

main()
