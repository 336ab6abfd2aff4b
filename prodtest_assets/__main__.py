"""`python -m prodtest_assets` is the command `prodtest`."""

from prodtest_assets.cli import main

if __name__ == "__main__":
    main()
