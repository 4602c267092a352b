"""``python -m baler.cli``, for where no ``baler`` command is installed."""

from baler.cli import main

main()
