"""``python -m speccluster_lab.client.command``."""

import sys

from speccluster_lab.client.command import main

if __name__ == "__main__":
    sys.exit(main())
