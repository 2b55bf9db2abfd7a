"""``python -m bumphunt``."""

from bumphunt.cli import main

if __name__ == "__main__":
    main()
