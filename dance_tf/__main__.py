"""`python -m dance_tf VERB`."""

import sys

try:
    from dance_tf.cli import main

    main()
except KeyboardInterrupt:  # before a verb is at work, which says so by itself
    print("dance_tf: stopped; start the same command again", file=sys.stderr)
    sys.exit(2)
