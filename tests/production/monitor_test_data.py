"""Watch how much test data there is: the commands of `prodtest` by these names.

python tests/production/monitor_test_data.py {dashboard,snapshot,export,watch} --help
"""

import sys

if __name__ == "__main__":
    try:
        from prodtest_assets.cli import main
    except ModuleNotFoundError:
        sys.stderr.write("monitor_test_data.py: this Python has no prodtest-assets; run it with the one that has\n")
        sys.exit(2)
    main("monitor_test_data.py")
