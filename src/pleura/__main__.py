"""`python -m pleura`."""

from pleura.cli.app import main

if __name__ == "__main__":
    main()
