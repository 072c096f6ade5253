"""`python -m aqwal.training.accuracy`."""

from aqwal.training.accuracy.stages import main

main()
