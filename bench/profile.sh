#!/bin/sh
# Where the gateway's time goes under the small GET load (64 connections, 1,000 routes): the top
# functions by self cost. `bench/profile.sh --help` lists the options.
cd "$(dirname "$0")" && exec python3 -m harness.hot_path "$@"
