"""Records on MNIST: the fastest training to a mark, and the smallest network at one.

    python -m lab.records                                      the records
    python -m lab.records race RECIPE MARK --who NAME          try to set one, in turn with the last
    python -m lab.records rerun MARK                           train the record of a mark again

A mark is a mean test accuracy in percent, and what counts there: `99.0-seconds`, `99.4-parameters`. A record has 20
seeds at least, and their mean accuracy is above the mark with p < 0.01 (one-sided t-test). It is better than the last:
either trained in less time, with p < 0.01 (paired t-test), on the same machine and seed by seed in turn with it; or of
fewer parameters. The last step's weights read the test images, once; autotuning counts, imports don't. Nothing may be
chosen on the test images.

A record is a folder of `lab/records/MARK`: `recipe.toml`, complete, and `log.jsonl`, whose first line says who, when
and where, and each other line is one training. A race that was stopped continues.
"""
