"""`python -m aqwal.training.adapt`."""

from aqwal.training.adapt.run import main

main()
