import sys

from docs.pages.pages import main

main(*sys.argv[1:])
