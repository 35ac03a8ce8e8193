"""`python -m dance_tf VERB`."""

from dance_tf.cli import main

main()
