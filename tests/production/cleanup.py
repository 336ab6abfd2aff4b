"""Count, list, remove and verify test data: the commands of `prodtest` by these names.

python tests/production/cleanup.py {count,list,cleanup,verify,summary} --help
"""

import sys

if __name__ == "__main__":
    try:
        from prodtest_assets.cli import main
    except ModuleNotFoundError:
        sys.stderr.write("cleanup.py: this Python has no prodtest-assets; run it with the one that has\n")
        sys.exit(2)
    main("cleanup.py")
