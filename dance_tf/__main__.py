"""Entry point of `python -m dance_tf VERB`."""

import sys

try:
    from dance_tf.cli import main

    main()
except KeyboardInterrupt:  # while modules are imported; a running verb reports it by itself
    print("dance_tf: interrupted; run the same command again", file=sys.stderr)
    sys.exit(2)
