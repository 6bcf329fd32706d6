#!/bin/sh
# Where the gateway's time goes under a load (small GET unless `--workload` names another): the top
# functions by self cost. `bench/profile.sh --help` lists the options.
cd "$(dirname "$0")" && exec python3 -m harness.hot_path "$@"
